//! Usage plans, and the API keys that callers made.

/// A usage plan and the API stages that it covers.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct UsagePlan {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    /// API id and stage name.
    pub stages: Vec<(String, String)>,
    /// Requests a second, and how many may come at once.
    pub throttle: Option<(f64, i32)>,
    /// How many requests in which period: `DAY`, `WEEK` or `MONTH`.
    pub quota: Option<(i32, String)>,
    /// Ids of the keys that are in the plan, in the order of their coming.
    pub keys: Vec<String>,
}

impl UsagePlan {
    /// A plan that covers nothing yet and limits nothing.
    pub fn new(id: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            description: None,
            stages: Vec::new(),
            throttle: None,
            quota: None,
            keys: Vec::new(),
        }
    }

    /// The plan's description.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Covers a stage.
    #[must_use]
    pub fn stage(mut self, api: impl Into<String>, stage: impl Into<String>) -> Self {
        self.stages.push((api.into(), stage.into()));
        self
    }

    /// Limits the rate, in requests a second, and the burst, in requests.
    #[must_use]
    pub fn throttle(mut self, rate: f64, burst: i32) -> Self {
        self.throttle = Some((rate, burst));
        self
    }

    /// Limits the number of requests in each `DAY`, `WEEK` or `MONTH`.
    #[must_use]
    pub fn quota(mut self, limit: i32, period: impl Into<String>) -> Self {
        self.quota = Some((limit, period.into()));
        self
    }
}

/// An API key as `CreateApiKey` made it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own member names")]
pub struct ApiKey {
    pub id: String,
    /// What callers of an API send; 40 letters and digits unless the request gave one.
    pub value: String,
    pub name: Option<String>,
    pub description: Option<String>,
    /// False unless the request says otherwise.
    pub enabled: bool,
    /// As sent. AWS has deprecated it: ids and values differ either way.
    pub generate_distinct_id: bool,
}
