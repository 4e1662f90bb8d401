//! Only the adopting: which of the APIs are in `APIsec` already.

use super::finding::{Found, find};
use super::kept::Kept;
use super::listing::Needed;
use super::wire::Application;
use super::{Apisec, name};
use crate::clock;
use crate::document::ApiDocument;
use crate::inventory::Protocol;
use crate::targets::{Adopted, Adoption, Entry, Failure, Memory};

impl Apisec {
    pub(super) async fn adopt_all(
        &self,
        apis: &[ApiDocument],
        dry_run: bool,
        memory: &dyn Memory,
    ) -> Result<Vec<Adoption>, Failure> {
        let session = self.session().await?;
        let needed = Needed { run: None, since: Some(clock::now()) };
        let applications = self.listing.look(&session, needed, <[Application]>::to_vec).await?;
        let mut adoptions = Vec::with_capacity(apis.len());
        for api in apis {
            let outcome = self.adopt_one(api, &applications, dry_run, memory).await?;
            adoptions.push(Adoption { api: api.id(), outcome });
        }
        Ok(adoptions)
    }

    async fn adopt_one(
        &self,
        api: &ApiDocument,
        applications: &[Application],
        dry_run: bool,
        memory: &dyn Memory,
    ) -> Result<Adopted, Failure> {
        if api.protocol == Protocol::WebSocket {
            return Ok(Adopted::NotThere);
        }
        let id = api.id();
        let mut kept = Kept::recall(memory, &id).await?;
        let known = |application: &&Application| Some(&application.id) == kept.application_id.as_ref();
        if let Some(application) = applications.iter().find(known) {
            return Ok(Adopted::Already(entry(application)));
        }
        let addresses: Vec<String> = api.instances.iter().map(|instance| instance.url.clone()).collect();
        let name = name(&self.config, api);
        let creating = kept.creating.as_ref().map(|creating| creating.name.clone());
        let names: Vec<&str> = std::iter::once(name.as_str()).chain(creating.as_deref()).collect();
        match find(applications, &addresses, &names, None) {
            Found::Nothing => Ok(Adopted::NotThere),
            Found::Unclear { candidates, reason } => {
                Ok(Adopted::Ambiguous { entries: candidates.into_iter().map(entry).collect(), reason })
            }
            Found::One(application) => {
                if !dry_run {
                    kept.take_over(application);
                    kept.save(memory, &id).await?;
                }
                Ok(Adopted::Now(entry(application)))
            }
        }
    }
}

fn entry(application: &Application) -> Entry {
    Entry { id: application.id.clone(), name: application.name.clone() }
}
