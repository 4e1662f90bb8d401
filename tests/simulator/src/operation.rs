//! The AWS operations that the simulator answers, and how a request names one.
//!
//! Sources: the `@http` traits of the AWS service models (paths and methods), the AWS query protocol (`Action`) and
//! AWS JSON 1.1 (`X-Amz-Target`).

use std::fmt;

/// One AWS service as its SDK crate is named; the two API Gateway families share an endpoint and a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// `sts`, query protocol and XML.
    Sts,
    /// `organizations`, JSON 1.1.
    Organizations,
    /// `account`, REST-JSON.
    Account,
    /// `apigateway` (v1): REST APIs.
    Rest,
    /// `apigatewayv2`: HTTP and WebSocket APIs.
    Http,
}

impl Service {
    /// The service's name in the AWS command line and SDKs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Organizations => "organizations",
            Self::Account => "account",
            Self::Rest => "apigateway",
            Self::Http => "apigatewayv2",
        }
    }

    /// Whether the call counts against API Gateway's control-plane quota.
    pub(crate) fn is_api_gateway(self) -> bool {
        matches!(self, Self::Rest | Self::Http)
    }
}

/// An AWS operation. Where both API Gateway families use one name, the variant says which family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the variants are AWS's names")]
pub enum Operation {
    GetCallerIdentity,
    AssumeRole,
    ListAccounts,
    DescribeOrganization,
    ListRegions,
    GetRestApis,
    GetRestApi,
    RestGetStages,
    RestGetDeployments,
    RestGetDeployment,
    GetExport,
    RestGetDomainNames,
    GetBasePathMappings,
    GetResources,
    GetUsagePlans,
    CreateUsagePlanKey,
    GetApiKeys,
    GetApiKey,
    CreateApiKey,
    DeleteApiKey,
    GetApis,
    GetApi,
    HttpGetStages,
    HttpGetDeployments,
    HttpGetDeployment,
    GetRoutes,
    ExportApi,
    HttpGetDomainNames,
    GetApiMappings,
    ListRoutingRules,
}

impl Operation {
    /// The service that has the operation.
    pub fn service(self) -> Service {
        match self {
            Self::GetCallerIdentity | Self::AssumeRole => Service::Sts,
            Self::ListAccounts | Self::DescribeOrganization => Service::Organizations,
            Self::ListRegions => Service::Account,
            Self::GetRestApis
            | Self::GetRestApi
            | Self::RestGetStages
            | Self::RestGetDeployments
            | Self::RestGetDeployment
            | Self::GetExport
            | Self::RestGetDomainNames
            | Self::GetBasePathMappings
            | Self::GetResources
            | Self::GetUsagePlans
            | Self::CreateUsagePlanKey
            | Self::GetApiKeys
            | Self::GetApiKey
            | Self::CreateApiKey
            | Self::DeleteApiKey => Service::Rest,
            Self::GetApis
            | Self::GetApi
            | Self::HttpGetStages
            | Self::HttpGetDeployments
            | Self::HttpGetDeployment
            | Self::GetRoutes
            | Self::ExportApi
            | Self::HttpGetDomainNames
            | Self::GetApiMappings
            | Self::ListRoutingRules => Service::Http,
        }
    }

    /// AWS's name, without the service.
    pub fn name(self) -> &'static str {
        match self {
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::AssumeRole => "AssumeRole",
            Self::ListAccounts => "ListAccounts",
            Self::DescribeOrganization => "DescribeOrganization",
            Self::ListRegions => "ListRegions",
            Self::GetRestApis => "GetRestApis",
            Self::GetRestApi => "GetRestApi",
            Self::RestGetStages | Self::HttpGetStages => "GetStages",
            Self::RestGetDeployments | Self::HttpGetDeployments => "GetDeployments",
            Self::RestGetDeployment | Self::HttpGetDeployment => "GetDeployment",
            Self::GetExport => "GetExport",
            Self::RestGetDomainNames | Self::HttpGetDomainNames => "GetDomainNames",
            Self::GetBasePathMappings => "GetBasePathMappings",
            Self::GetResources => "GetResources",
            Self::GetUsagePlans => "GetUsagePlans",
            Self::CreateUsagePlanKey => "CreateUsagePlanKey",
            Self::GetApiKeys => "GetApiKeys",
            Self::GetApiKey => "GetApiKey",
            Self::CreateApiKey => "CreateApiKey",
            Self::DeleteApiKey => "DeleteApiKey",
            Self::GetApis => "GetApis",
            Self::GetApi => "GetApi",
            Self::GetRoutes => "GetRoutes",
            Self::ExportApi => "ExportApi",
            Self::GetApiMappings => "GetApiMappings",
            Self::ListRoutingRules => "ListRoutingRules",
        }
    }

    /// The IAM action that permits the operation; API Gateway's are the HTTP methods, but for routing rules.
    pub(crate) fn iam_action(self) -> String {
        match self.service() {
            _ if self == Self::ListRoutingRules => "apigateway:ListRoutingRules".to_owned(),
            Service::Rest | Service::Http => format!("apigateway:{}", self.gateway_method()),
            other => format!("{}:{}", other.as_str(), self.name()),
        }
    }

    /// The HTTP method of an API Gateway call.
    fn gateway_method(self) -> &'static str {
        match self {
            Self::CreateApiKey | Self::CreateUsagePlanKey => "POST",
            Self::DeleteApiKey => "DELETE",
            _ => "GET",
        }
    }
}

impl fmt::Display for Operation {
    /// `apigatewayv2:GetStages`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service().as_str(), self.name())
    }
}

/// An operation together with what its path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    /// API id, domain name, usage plan id, key id or role ARN; empty where the operation lists the top level.
    pub(crate) parent: String,
    /// Stage name or deployment id; empty where the operation lists the children.
    pub(crate) child: String,
}

/// The operation of a REST call, told by method and decoded path segments.
pub(crate) fn of_path(method: &str, segments: &[String]) -> Option<Route> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let route = |operation, parent: &str, child: &str| {
        Some(Route { operation, parent: parent.to_owned(), child: child.to_owned() })
    };
    match (method, segments.as_slice()) {
        ("POST", ["listRegions"]) => route(Operation::ListRegions, "", ""),
        ("GET", ["restapis"]) => route(Operation::GetRestApis, "", ""),
        ("GET", ["restapis", api]) => route(Operation::GetRestApi, api, ""),
        ("GET", ["restapis", api, "stages"]) => route(Operation::RestGetStages, api, ""),
        ("GET", ["restapis", api, "deployments"]) => route(Operation::RestGetDeployments, api, ""),
        ("GET", ["restapis", api, "deployments", id]) => route(Operation::RestGetDeployment, api, id),
        ("GET", ["restapis", api, "stages", stage, "exports", "oas30" | "swagger"]) => {
            route(Operation::GetExport, api, stage)
        }
        ("GET", ["domainnames"]) => route(Operation::RestGetDomainNames, "", ""),
        ("GET", ["domainnames", domain, "basepathmappings"]) => route(Operation::GetBasePathMappings, domain, ""),
        ("GET", ["restapis", api, "resources"]) => route(Operation::GetResources, api, ""),
        ("GET", ["usageplans"]) => route(Operation::GetUsagePlans, "", ""),
        ("POST", ["usageplans", plan, "keys"]) => route(Operation::CreateUsagePlanKey, plan, ""),
        ("GET", ["apikeys"]) => route(Operation::GetApiKeys, "", ""),
        ("POST", ["apikeys"]) => route(Operation::CreateApiKey, "", ""),
        ("GET", ["apikeys", key]) => route(Operation::GetApiKey, key, ""),
        ("DELETE", ["apikeys", key]) => route(Operation::DeleteApiKey, key, ""),
        ("GET", ["v2", "apis"]) => route(Operation::GetApis, "", ""),
        ("GET", ["v2", "apis", api]) => route(Operation::GetApi, api, ""),
        ("GET", ["v2", "apis", api, "stages"]) => route(Operation::HttpGetStages, api, ""),
        ("GET", ["v2", "apis", api, "deployments"]) => route(Operation::HttpGetDeployments, api, ""),
        ("GET", ["v2", "apis", api, "deployments", id]) => route(Operation::HttpGetDeployment, api, id),
        ("GET", ["v2", "apis", api, "routes"]) => route(Operation::GetRoutes, api, ""),
        ("GET", ["v2", "apis", api, "exports", "OAS30"]) => route(Operation::ExportApi, api, ""),
        ("GET", ["v2", "domainnames"]) => route(Operation::HttpGetDomainNames, "", ""),
        ("GET", ["v2", "domainnames", domain, "apimappings"]) => route(Operation::GetApiMappings, domain, ""),
        ("GET", ["v2", "domainnames", domain, "routingrules"]) => route(Operation::ListRoutingRules, domain, ""),
        _ => None,
    }
}

/// The operation of a call that the query protocol (`Action`) or JSON 1.1 (`X-Amz-Target`) names.
pub(crate) fn of_name(service: Service, name: &str) -> Option<Route> {
    let operation = match (service, name) {
        (Service::Sts, "GetCallerIdentity") => Operation::GetCallerIdentity,
        (Service::Sts, "AssumeRole") => Operation::AssumeRole,
        (Service::Organizations, "ListAccounts") => Operation::ListAccounts,
        (Service::Organizations, "DescribeOrganization") => Operation::DescribeOrganization,
        _ => return None,
    };
    Some(Route { operation, parent: String::new(), child: String::new() })
}
