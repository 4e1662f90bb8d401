//! Sends what an ingest makes: chunk after chunk, each once the one before was taken.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::gravitee::channel::{Channel, Resend};
use crate::gravitee::ingest::{Chunk, Chunks, Sizes};
use crate::gravitee::model::Api;

/// Longer than this nothing is collected: the server calls a job timed out five minutes after its last chunk
/// (`…/core/integration/use_case/StartIngestIntegrationApisUseCase` of gravitee-api-management).
const COLLECTED_FOR: Duration = Duration::from_mins(2);

/// A chunk of several APIs takes no more: one is filled while another is on its way.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Sends all that comes; answers how many APIs that were. What comes as an error ends it without the chunk that ends the job.
///
/// # Errors
/// That error, or why a chunk was not taken.
pub(super) async fn send(
    channel: &Channel,
    job: &str,
    mut made: mpsc::Receiver<Result<Api, String>>,
) -> Result<usize, String> {
    let mut chunks = Chunks::new(job, Sizes { bytes: MOST_BYTES, ..Sizes::default() });
    let (mut sent, mut until) = (0, Instant::now() + COLLECTED_FOR);
    loop {
        let full = match timeout_at(until, made.recv()).await {
            Ok(None) => break,
            Ok(Some(api)) => pack(&mut chunks, api?)?,
            Err(_elapsed) => {
                until = Instant::now() + COLLECTED_FOR;
                chunks.flush()
            }
        };
        if let Some(chunk) = full {
            sent += surely(channel, &chunk).await?;
            until = Instant::now() + COLLECTED_FOR;
        }
    }
    Ok(sent + surely(channel, &chunks.finish()).await?)
}

async fn surely(channel: &Channel, chunk: &Chunk) -> Result<usize, String> {
    channel.ingest_surely(chunk, Resend::default()).await.map_err(|error| error.to_string())?;
    Ok(chunk.count())
}

/// One whose document no message can hold goes without it.
fn pack(chunks: &mut Chunks, mut api: Api) -> Result<Option<Chunk>, String> {
    match chunks.push(&api) {
        Ok(full) => Ok(full),
        Err(error) => {
            warn!("{} goes without its document: {error}", api.id);
            api.pages.clear();
            chunks.push(&api).map_err(|error| format!("{} cannot be sent: {error}", api.id))
        }
    }
}
