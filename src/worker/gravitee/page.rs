//! The documentation of an API: what AWS exports of the stage.

use super::offer::Offer;
use crate::discovery::Exporter;
use crate::gravitee::model::{Page, PageType};
use crate::inventory::ApiId;
use crate::registry::{Reader, RegistryError, RegistryErrorKind};
use crate::specification::{self, AwsExport, Layout, SpecificationFormat, Subject};
use crate::worker::book::{Shelf, away};

/// Where documents come from.
pub(super) struct Pages<'a> {
    pub(super) exporter: Exporter,
    pub(super) registry: &'a Shelf,
}

/// What came of an export.
pub(super) struct Documented {
    /// The page; none where there is no document.
    pub(super) page: Option<Page>,
    /// Why AWS gave none now.
    pub(super) failure: Option<String>,
}

impl Pages<'_> {
    /// What AWS exports of an API's stage now.
    pub(super) async fn export(&self, offer: &Offer) -> Result<AwsExport, String> {
        let (api, stage) = (&offer.api, offer.stage().to_owned());
        match self.exporter.export(&api.id, api.protocol, [&stage]).await.remove(&stage) {
            Some(export) => export.map_err(|failure| failure.cause),
            None => Err("nothing was exported".to_owned()),
        }
    }

    /// The page of an API. The server deletes pages that are missing, so what AWS does not give now comes from the registry, where an
    /// earlier export was stored.
    pub(super) async fn of(&self, offer: &Offer, export: Result<AwsExport, String>) -> Documented {
        let (api, stage) = (&offer.api, offer.stage());
        let subject = || Subject {
            name: api.name.clone(),
            description: api.description.clone(),
            version: api.version.clone(),
            instances: api.instances.clone(),
        };
        // Right here: an ingest has a thread of its own.
        let written = export.and_then(|export| specification::write(&export, &subject(), stage, Layout::Compact));
        match written {
            Ok(mut written) => {
                written.text.shrink_to_fit();
                Documented { page: Some(page(offer, written.format, written.text)), failure: None }
            }
            Err(failure) => {
                let stored = self.stored(&api.id, stage).await;
                let page = stored.map(|(format, text)| page(offer, format, text));
                Documented { page, failure: Some(failure) }
            }
        }
    }

    async fn stored(&self, api: &ApiId, stage: &str) -> Option<(SpecificationFormat, String)> {
        let (registry, api, stage) = (self.registry.clone(), api.clone(), stage.to_owned());
        let found = away(move || registry.look_up(|reader| stored(reader, &api, &stage))).await;
        match found {
            Ok(found) => found.flatten(),
            Err(RegistryError { kind: RegistryErrorKind::UnknownApi(_), .. }) => None,
            Err(error) => {
                tracing::warn!("a stored specification cannot be read: {error}");
                None
            }
        }
    }
}

fn stored(reader: &Reader, api: &ApiId, stage: &str) -> Result<Option<(SpecificationFormat, String)>, RegistryError> {
    let row = reader.specifications(api)?.into_iter().find(|row| row.stage == stage);
    let Some(digest) = row.and_then(|row| row.digest) else { return Ok(None) };
    let document = reader.stored_document(&digest)?;
    Ok(document.and_then(|document| Some((SpecificationFormat::parse(&document.format)?, document.text))))
}

/// Its name is how the server knows it again, so it holds what never changes.
fn page(offer: &Offer, format: SpecificationFormat, content: String) -> Page {
    let page_type = match format {
        SpecificationFormat::OpenApi => PageType::Swagger,
        SpecificationFormat::AsyncApi => PageType::AsyncApi,
    };
    let filename = format!("{}-{}.json", offer.api.id.api_id, offer.stage());
    Page { page_type, content, filename }
}
