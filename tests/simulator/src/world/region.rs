//! What one account has in one region.

use std::collections::BTreeMap;

use super::{Domain, HttpApi, RestApi, UsagePlan, derive};

/// What one account has in one region. Lists are answered in the order of ids.
#[derive(Clone, Debug)]
pub struct Region {
    account: String,
    name: String,
    pub(crate) rest: BTreeMap<String, RestApi>,
    pub(crate) http: BTreeMap<String, HttpApi>,
    /// By name and `domainNameId`, the latter empty for all but private domains.
    pub(crate) domains: BTreeMap<(String, String), Domain>,
    pub(crate) usage_plans: BTreeMap<String, UsagePlan>,
}

impl Region {
    pub(crate) fn new(account: &str, name: &str) -> Self {
        Self {
            account: account.to_owned(),
            name: name.to_owned(),
            rest: BTreeMap::new(),
            http: BTreeMap::new(),
            domains: BTreeMap::new(),
            usage_plans: BTreeMap::new(),
        }
    }

    /// Adds a REST API, in place of one with the same id, and returns its id.
    pub fn add_rest(&mut self, mut api: RestApi) -> String {
        if api.id.is_empty() {
            api.id = self.free_id("rest", &api.name);
        }
        api.settle();
        let id = api.id.clone();
        self.rest.insert(id.clone(), api);
        id
    }

    /// Adds an HTTP or WebSocket API, in place of one with the same id, and returns its id.
    pub fn add_http(&mut self, mut api: HttpApi) -> String {
        if api.id.is_empty() {
            api.id = self.free_id("http", &api.name);
        }
        api.settle();
        let id = api.id.clone();
        self.http.insert(id.clone(), api);
        id
    }

    /// Adds a domain, in place of one with the same name and id.
    pub fn add_domain(&mut self, domain: Domain) {
        self.domains.insert((domain.name.clone(), domain.id.clone().unwrap_or_default()), domain);
    }

    /// Adds a usage plan, in place of one with the same id.
    pub fn add_usage_plan(&mut self, plan: UsagePlan) {
        self.usage_plans.insert(plan.id.clone(), plan);
    }

    /// Removes the API with this id, of whichever family. False where there is none.
    pub fn remove(&mut self, api: &str) -> bool {
        let rest = self.rest.remove(api).is_some();
        self.http.remove(api).is_some() || rest
    }

    /// Removes every API of both families.
    pub fn clear(&mut self) {
        self.rest.clear();
        self.http.clear();
    }

    /// Removes every domain with this name.
    pub fn remove_domain(&mut self, name: &str) {
        self.domains.retain(|(known, _), _| known != name);
    }

    /// Changes a REST API in place. Panics where there is none with this id.
    pub fn edit_rest<R>(&mut self, id: &str, change: impl FnOnce(&mut RestApi) -> R) -> R {
        let Some(api) = self.rest.get_mut(id) else {
            panic!("no REST API {id} in {}/{}", self.account, self.name);
        };
        let result = change(api);
        api.settle();
        result
    }

    /// Changes an HTTP or WebSocket API in place. Panics where there is none with this id.
    pub fn edit_http<R>(&mut self, id: &str, change: impl FnOnce(&mut HttpApi) -> R) -> R {
        let Some(api) = self.http.get_mut(id) else {
            panic!("no HTTP or WebSocket API {id} in {}/{}", self.account, self.name);
        };
        let result = change(api);
        api.settle();
        result
    }

    /// The REST APIs, by id.
    pub fn rest_apis(&self) -> impl Iterator<Item = &RestApi> {
        self.rest.values()
    }

    /// The HTTP and WebSocket APIs, by id.
    pub fn http_apis(&self) -> impl Iterator<Item = &HttpApi> {
        self.http.values()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty() && self.http.is_empty() && self.domains.is_empty() && self.usage_plans.is_empty()
    }

    /// An id derived from the name; API Gateway lets names repeat, so the second one of a name gets another.
    fn free_id(&self, family: &str, name: &str) -> String {
        let mut attempt = 0_u32;
        loop {
            let id = derive::id(10, &[&self.account, &self.name, family, name, &attempt.to_string()]);
            if !self.rest.contains_key(&id) && !self.http.contains_key(&id) {
                return id;
            }
            attempt += 1;
        }
    }
}
