//! What one account has in one region.

use std::collections::BTreeMap;

use super::{ApiKey, Domain, HttpApi, RestApi, UsagePlan, derive};

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
    pub(crate) api_keys: BTreeMap<String, ApiKey>,
    /// Keys made so far, those gone again included: no id is given twice.
    keys_made: u64,
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
            api_keys: BTreeMap::new(),
            keys_made: 0,
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

    /// Removes a usage plan; its keys stay, in no plan. False where there is none.
    pub fn remove_usage_plan(&mut self, id: &str) -> bool {
        self.usage_plans.remove(id).is_some()
    }

    /// Changes a usage plan in place. Panics where there is none with this id.
    pub fn edit_usage_plan<R>(&mut self, id: &str, change: impl FnOnce(&mut UsagePlan) -> R) -> R {
        let Some(plan) = self.usage_plans.get_mut(id) else {
            panic!("no usage plan {id} in {}/{}", self.account, self.name);
        };
        change(plan)
    }

    /// The API keys, by id, in a plan or not.
    pub fn api_keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.api_keys.values()
    }

    /// The keys in a usage plan, in the order of their coming; none where there is no such plan.
    pub fn keys_in_plan(&self, plan: &str) -> Vec<&ApiKey> {
        let ids = self.usage_plans.get(plan).map(|plan| plan.keys.as_slice()).unwrap_or_default();
        ids.iter().filter_map(|id| self.api_keys.get(id)).collect()
    }

    /// Adds a key, in no plan, and returns its id. Id and value are made where they are empty.
    pub fn add_api_key(&mut self, mut key: ApiKey) -> String {
        self.keys_made += 1;
        let number = self.keys_made.to_string();
        let parts = [self.account.as_str(), &self.name, "key", &number];
        if key.id.is_empty() {
            key.id = derive::id(10, &parts);
        }
        if key.value.is_empty() {
            key.value = derive::id(40, &[&parts[..], &["value"]].concat());
        }
        let id = key.id.clone();
        self.api_keys.insert(id.clone(), key);
        id
    }

    /// Removes a key and takes it out of every plan. False where there is none.
    pub fn remove_api_key(&mut self, id: &str) -> bool {
        for plan in self.usage_plans.values_mut() {
            plan.keys.retain(|known| known != id);
        }
        self.api_keys.remove(id).is_some()
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
