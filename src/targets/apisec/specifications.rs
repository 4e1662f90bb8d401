//! Step three: each instance gets the specification of its stage, where it has another and that is ours to change.
//!
//! An application is created from one specification, and an API has one a stage. So instances that we made get their own loaded
//! afterwards. What a person set up is left alone until its stage changes.

use std::collections::BTreeSet;

use super::Job;
use super::kept::STAND_IN;
use super::stand_in::stand_in;
use super::wire::Reload;
use crate::config::Event;
use crate::targets::{Failure, SpecificationFormat};

impl Job<'_> {
    /// What an application is created from, with its digest or [`STAND_IN`]: the specification of the first stage that has one.
    pub(super) fn first_specification(&self) -> (String, String) {
        let wanted = self.wanted();
        let stages: Vec<&str> = wanted.iter().map(|instance| instance.stage.as_str()).collect();
        let others = self.delivery.specifications.iter().map(|specification| specification.stage.as_str());
        let mut causes = Vec::new();
        for stage in stages.iter().copied().chain(others) {
            match self.specification(stage) {
                Ok((text, digest)) => return (text.to_owned(), digest.to_owned()),
                Err(cause) => causes.push(cause),
            }
        }
        let reason = causes.into_iter().next().unwrap_or_else(|| "the API has no stage".to_owned());
        let addresses: Vec<String> = wanted.iter().map(|instance| instance.url.clone()).collect();
        (stand_in(self.api, &addresses, &reason), STAND_IN.to_owned())
    }

    /// The specification of a stage and its digest, or why there is none.
    fn specification(&self, stage: &str) -> Result<(&str, &str), String> {
        let mut all = self.delivery.specifications.iter();
        let specification = all
            .find(|it| it.stage == stage && it.format == SpecificationFormat::OpenApi)
            .ok_or_else(|| format!("stage {stage} has none"))?;
        let document = specification.document.as_ref().map_err(|cause| format!("stage {stage}: {cause}"))?;
        let text = document.text.as_deref().ok_or_else(|| format!("stage {stage}: its text was not handed over"))?;
        Ok((text, &document.digest))
    }

    /// Loads what differs from what was loaded before, and reads back that its instances are still there.
    pub(super) async fn specifications(&mut self) -> Result<(), Failure> {
        let Some(application) = self.kept.application_id.clone() else { return Ok(()) };
        let changed: BTreeSet<&str> = match self.event {
            Event::Changed => self.notice.instances.iter().map(|instance| instance.stage.as_str()).collect(),
            _ => BTreeSet::new(),
        };
        let urls: Vec<String> = self.wanted().into_iter().map(|instance| instance.url.clone()).collect();
        let (mut loaded, mut lacking) = (BTreeSet::new(), BTreeSet::new());
        let mut instances = Vec::new();
        for url in urls {
            let Some(instance) = self.kept.instances.get(&url).filter(|instance| !instance.removed).cloned() else {
                continue;
            };
            if !instance.due && !changed.contains(instance.stage.as_str()) {
                continue;
            }
            let (text, digest) = match self.specification(&instance.stage) {
                Ok(specification) => specification,
                Err(cause) => {
                    lacking.insert(cause);
                    continue;
                }
            };
            let digest = digest.to_owned();
            if instance.loaded.as_deref() != Some(&digest) {
                let reload = Reload { delete_endpoints: self.apisec.config.prune };
                self.session.reload(&application, &instance.id, text, reload).await?;
                loaded.insert(instance.stage.clone());
                instances.push(instance.id);
            } else if !instance.due {
                continue;
            }
            if let Some(instance) = self.kept.instances.get_mut(&url) {
                instance.loaded = Some(digest);
                instance.due = false;
            }
            self.save().await?;
        }
        if !lacking.is_empty() {
            let causes: Vec<String> = lacking.into_iter().collect();
            self.said.push(format!(
                "without a specification, which is loaded when an event brings it ({})",
                causes.join(", ")
            ));
        }
        if instances.is_empty() {
            return Ok(());
        }
        // Its answer comes before the work. That the instances are still there is all that can be read of it.
        let there = self.session.application(&application).await?;
        let gone =
            |id: &String| there.as_ref().is_none_or(|it| it.instances.iter().all(|other| other.instance_id != *id));
        if let Some(id) = instances.iter().find(|id| gone(id)) {
            return Err(Failure::passing(format!("instance {id} was gone after its specification was loaded")));
        }
        let stages: Vec<String> = loaded.into_iter().collect();
        self.said.push(format!(
            "loaded the specification of {}, which APIsec works in after it answered",
            stages.join(", ")
        ));
        Ok(())
    }
}
