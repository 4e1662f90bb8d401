//! APIs packed into chunks that a message can hold.
//!
//! One INGEST may hold any number of APIs, but a message has at most 13,107,200 bytes, and the server has to be through with one within 60 s.
//! Each API is written once, into the chunk that goes out; the chunk can be sent again as it is. Sent one after the other, each once
//! the one before was taken, with `done` on the last (which may be empty):
//! `gravitee-apim-rest-api/gravitee-apim-rest-api-service/src/main/java/io/gravitee/apim/core/integration/use_case/IngestFederatedApisUseCase.java`
//! of `gravitee-io/gravitee-api-management`.

use tokio_tungstenite::tungstenite::Bytes;

use crate::gravitee::command::types;
use crate::gravitee::frame::{self, EncodeError, Kind};
use crate::gravitee::model::Api;

/// How large a chunk may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The most APIs.
    pub apis: usize,
    /// The most bytes of APIs, where it holds more than one.
    pub bytes: usize,
    /// The most bytes of one API: what a message may have, less [`Sizes::ENVELOPE`].
    pub api: usize,
}

impl Sizes {
    /// What a message has around its APIs, at most.
    pub const ENVELOPE: usize = 1024;
}

impl Default for Sizes {
    /// 50 APIs, 4 MiB, and one API that a message of the default limit can hold.
    fn default() -> Self {
        Self { apis: 50, bytes: 4 * 1024 * 1024, api: 13_107_200 - Self::ENVELOPE }
    }
}

/// Some APIs of a job, as they go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    job: String,
    apis: Bytes,
    count: usize,
    done: bool,
}

impl Chunk {
    /// How many APIs it holds.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many bytes its APIs take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.apis.len()
    }

    /// Whether it is the job's last one.
    #[must_use]
    pub fn done(&self) -> bool {
        self.done
    }

    /// The INGEST command that carries it.
    pub(in crate::gravitee) fn message(&self, id: &str, limit: usize) -> Result<Vec<Bytes>, EncodeError> {
        let job = frame::escaped_json(&self.job)?;
        let mut before = frame::head(Kind::Command, types::INGEST).into_bytes();
        before.extend_from_slice(br#"{"id":"#);
        before.extend_from_slice(&frame::escaped_json(&id)?);
        before.extend_from_slice(br#","type":"INGEST","payload":{"ingestJobId":"#);
        before.extend_from_slice(&job);
        before.extend_from_slice(br#","apis":["#);
        let after = format!(r#"],"done":{}}}}}"#, self.done).into_bytes();
        let bytes = before.len() + self.apis.len() + after.len();
        if bytes > limit {
            return Err(EncodeError::TooLarge { bytes, limit });
        }
        Ok(vec![before.into(), self.apis.clone(), after.into()])
    }
}

/// Packs APIs of one job, in the order in which they come.
#[derive(Debug)]
pub struct Chunks {
    job: String,
    sizes: Sizes,
    apis: Vec<u8>,
    count: usize,
}

impl Chunks {
    /// Nothing yet, of a job.
    #[must_use]
    pub fn new(job: &str, sizes: Sizes) -> Self {
        Self { job: job.to_owned(), sizes, apis: Vec::new(), count: 0 }
    }

    /// Adds an API. What it does not fit beside is given back, to be sent.
    ///
    /// # Errors
    /// No message could hold the API; the others are still there, and it can be tried again with less in it.
    pub fn push(&mut self, api: &Api) -> Result<Option<Chunk>, EncodeError> {
        let mut bytes = frame::escaped_json(api)?;
        bytes.shrink_to_fit();
        if bytes.len() > self.sizes.api {
            return Err(EncodeError::TooLarge { bytes: bytes.len(), limit: self.sizes.api });
        }
        let is_full = self.count >= self.sizes.apis || self.apis.len() + 1 + bytes.len() > self.sizes.bytes;
        let full = (self.count > 0 && is_full).then(|| self.take(false));
        if self.count == 0 {
            self.apis = bytes;
        } else {
            self.apis.push(b',');
            self.apis.extend_from_slice(&bytes);
        }
        self.count += 1;
        Ok(full)
    }

    /// What there is so far, for whoever must not wait longer; `None` where that is nothing.
    #[must_use]
    pub fn flush(&mut self) -> Option<Chunk> {
        (self.count > 0).then(|| self.take(false))
    }

    /// The last chunk, which ends the job.
    #[must_use]
    pub fn finish(mut self) -> Chunk {
        self.take(true)
    }

    fn take(&mut self, done: bool) -> Chunk {
        let (apis, count) = (std::mem::take(&mut self.apis).into(), std::mem::take(&mut self.count));
        Chunk { job: self.job.clone(), apis, count, done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gravitee::command;
    use crate::gravitee::model::{Ingest, Page, PageType};

    fn api(name: &str, content: &str) -> Api {
        let page = Page { page_type: PageType::Swagger, content: content.to_owned(), filename: format!("{name}.json") };
        Api {
            unique_id: name.to_owned(),
            id: name.to_owned(),
            name: name.to_owned(),
            pages: vec![page],
            ..Api::default()
        }
    }

    fn packed(sizes: Sizes, apis: &[Api]) -> Vec<Chunk> {
        let mut chunks = Chunks::new("job-1", sizes);
        let mut out: Vec<Chunk> = apis.iter().filter_map(|api| chunks.push(api).unwrap()).collect();
        out.push(chunks.finish());
        out
    }

    fn counts(chunks: &[Chunk]) -> Vec<(usize, bool)> {
        chunks.iter().map(|chunk| (chunk.count(), chunk.done())).collect()
    }

    #[test]
    fn a_chunk_is_the_command_that_the_model_would_be() {
        let apis = [api("a", "x;;y \"é\""), api("b;;", ";;;")];
        let chunk = &packed(Sizes::default(), &apis)[0];
        let message = chunk.message("id;;", usize::MAX).unwrap().concat();
        let ingest = Ingest { ingest_job_id: "job-1".to_owned(), apis: apis.to_vec(), done: true };
        let expected = command::command("id;;", types::INGEST, &ingest, usize::MAX).unwrap();
        assert_eq!(String::from_utf8(message).unwrap(), String::from_utf8(expected).unwrap());
    }

    #[test]
    fn chunks_are_bounded_by_count_and_by_bytes_and_only_the_last_is_done() {
        let small: Vec<Api> = (0..7).map(|number| api(&number.to_string(), "")).collect();
        let sizes = Sizes { apis: 3, ..Sizes::default() };
        assert_eq!(counts(&packed(sizes, &small)), [(3, false), (3, false), (1, true)]);
        assert_eq!(counts(&packed(sizes, &small[..3])), [(3, true)]);
        assert_eq!(counts(&packed(sizes, &[])), [(0, true)]);
        let large: Vec<Api> = (0..4).map(|number| api(&number.to_string(), &"x".repeat(400))).collect();
        let sizes = Sizes { bytes: 1200, ..Sizes::default() };
        let chunks = packed(sizes, &large);
        assert_eq!(counts(&chunks), [(2, false), (2, true)]);
        assert!(chunks.iter().all(|chunk| chunk.bytes() <= 1200));
        // One that is larger than a chunk has one for itself.
        let mixed = [large[0].clone(), api("big", &"x".repeat(5000)), large[1].clone()];
        assert_eq!(counts(&packed(sizes, &mixed)), [(1, false), (1, false), (1, true)]);
    }

    #[test]
    fn an_api_that_no_message_could_hold_is_refused_and_the_others_stay() {
        let sizes = Sizes { api: 1000, ..Sizes::default() };
        let mut chunks = Chunks::new("job-1", sizes);
        chunks.push(&api("a", "")).unwrap();
        assert!(matches!(chunks.push(&api("b", &"x".repeat(1000))), Err(EncodeError::TooLarge { limit: 1000, .. })));
        assert_eq!(chunks.finish().count(), 1);
    }

    #[test]
    fn an_api_of_the_greatest_size_makes_a_message_that_the_server_accepts() {
        let sizes = Sizes::default();
        let frame_of = |filler: usize| api("a", &"x".repeat(filler));
        let around = frame::escaped_json(&frame_of(0)).unwrap().len();
        let mut chunks = Chunks::new(&"j".repeat(200), sizes);
        chunks.push(&frame_of(sizes.api - around)).unwrap();
        let chunk = chunks.finish();
        assert_eq!(chunk.bytes(), sizes.api);
        let parts = chunk.message(&command::new_id(), 13_107_200).unwrap();
        assert!(parts.iter().map(Bytes::len).sum::<usize>() <= 13_107_200);
        assert!(matches!(chunk.message("1", sizes.api), Err(EncodeError::TooLarge { .. })));
    }
}
