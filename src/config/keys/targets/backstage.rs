//! Keys of `[targets.NAME.backstage]`.

use super::super::super::format::Format;
use super::super::super::shape::{Key, Shape, Table};
use super::directory::{GIT, GIT_AUTHOR, GIT_PUSH};
use super::{EVENTS, INSTANCES, RENAMED_FROM, RETRY_KEY};

pub(super) static BACKSTAGE: Table = Table {
    doc: "A catalog file for Backstage: one API entity for each API.",
    keys: &[
        Key::new(
            "path",
            Shape::Text(Format::Path),
            "The catalog file, relative to this file; [http] serves it as /catalog/NAME.yaml.",
        )
        .required()
        .example("\"specs/catalog-info.yaml\""),
        Key::new(
            "url",
            Shape::Text(Format::ServiceUrl),
            "Backstage's base URL: where the location is registered and read anew after each change; without it the file is only written.",
        )
        .example("\"https://backstage.example.com\""),
        Key::new(
            "token",
            Shape::Secret,
            "A static external access token of Backstage (backend.auth.externalAccess), by reference.",
        )
        .example("\"env:BACKSTAGE_TOKEN\""),
        Key::new(
            "location",
            Shape::Text(Format::WebhookUrl),
            "The URL at which Backstage finds the catalog file; needed with url.",
        )
        .example("\"https://git.example.com/apis/raw/main/specs/catalog-info.yaml\""),
        Key::new(
            "owner",
            Shape::Text(Format::EntityRef),
            "Who owns an API whose tags do not say so, as an entity reference.",
        )
        .default("\"unknown\"")
        .example("\"group:default/platform\""),
        Key::new("owner_tag", Shape::Text(Format::TagKey), "The AWS tag that names an API's owner.")
            .example("\"team\""),
        Key::new(
            "system_tag",
            Shape::Text(Format::TagKey),
            "The AWS tag that names the system that an API belongs to.",
        )
        .example("\"system\""),
        Key::new("lifecycle", Shape::Text(Format::Text), "The lifecycle of the entities.")
            .default("\"production\"")
            .example("\"production\""),
        Key::new("namespace", Shape::Text(Format::EntityNamespace), "The namespace of the entities.")
            .default("\"default\"")
            .example("\"default\""),
        Key::new(
            "definition",
            Shape::Choice(&["embed", "text"]),
            "Whether specifications stand in the catalog file, or are pointed to with $text at definition_base.",
        )
        .default("\"embed\"")
        .example("\"embed\""),
        Key::new(
            "definition_base",
            Shape::Text(Format::Text),
            "Where the files of a directory target are: a URL, or a path relative to the catalog file; needed with definition = \"text\".",
        )
        .example("\"./\""),
        GIT,
        GIT_AUTHOR,
        GIT_PUSH,
        EVENTS,
        INSTANCES,
        RETRY_KEY,
        RENAMED_FROM,
    ],
};
