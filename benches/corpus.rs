//! Made-up audit logs as the clouds deliver them, the same for the same seed: what the benchmarks read.
//!
//! CloudTrail as S3 holds it (gzip of one `{"Records":[…]}` a file), Cloud Audit Logs as a storage sink writes them
//! (gzip of JSON lines). Records are complete, because what is passed over costs time too; accounts are those of the
//! documentation.

use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

/// What one log holds, so that a stage can be held to it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Made {
    /// Records, copies included.
    pub(crate) records: u64,
    /// Records that were written before.
    pub(crate) copies: u64,
    /// Records of the platform itself, which are nobody's use.
    pub(crate) noise: u64,
    /// Records of calls that need no permission.
    pub(crate) free: u64,
    /// Refused calls.
    pub(crate) denied: u64,
    /// Ends of operations whose start is in the log.
    pub(crate) ends: u64,
    /// Files.
    pub(crate) files: u64,
    /// Bytes of JSON.
    pub(crate) bytes: u64,
}

impl Made {
    /// Records that use a permission, each copy on its own.
    pub(crate) fn readings(&self) -> u64 {
        self.records - self.noise - self.free
    }
}

/// SplitMix64: small, fast, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Below `end`, small numbers far more often: the few resources that most calls are about.
    fn skewed(&mut self, end: u64) -> u64 {
        let (a, b, c) = (self.below(end), self.below(end), self.below(end));
        a.min(b).min(c)
    }

    fn in_thousand(&mut self, share: u64) -> bool {
        self.below(1000) < share
    }

    fn pick<T: Copy + Default>(&mut self, all: &[T]) -> T {
        let at = usize::try_from(self.below(all.len() as u64)).unwrap_or(0);
        all.get(at).copied().unwrap_or_default()
    }

    /// One of `all` by weight.
    fn weighed(&mut self, all: &[(&'static str, u64)]) -> &'static str {
        let mut left = self.below(all.iter().map(|(_, weight)| weight).sum());
        for (name, weight) in all {
            if left < *weight {
                return name;
            }
            left -= weight;
        }
        ""
    }

    fn hex(&mut self, len: usize) -> String {
        let mut out = String::new();
        while out.len() < len {
            let _ = write!(out, "{:016x}", self.next());
        }
        out.truncate(len);
        out
    }

    fn base32(&mut self, len: usize) -> String {
        (0..len).map(|_| self.pick(&b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".map(char::from))).collect()
    }

    fn uuid(&mut self) -> String {
        let parts = [8, 4, 4, 4, 12].map(|len| self.hex(len));
        parts.join("-")
    }

    fn ip(&mut self) -> String {
        format!("203.0.113.{}", self.below(254) + 1)
    }
}

/// One second of October or November 2026.
fn time(second: u64) -> String {
    const START: i64 = 1_790_812_800;
    let at = START + i64::try_from(second).unwrap_or(0);
    jiff::Timestamp::from_second(at).map(|at| at.to_string()).unwrap_or_default()
}

/// Its day.
fn today(second: u64) -> String {
    time(second).chars().take(10).collect()
}

const DAYS: u64 = 61;
const DAY: u64 = 86_400;

/// Keeps a record by, to be delivered once more, in the same file or a later one.
#[derive(Default)]
struct Again(Option<String>);

impl Again {
    fn maybe(&mut self, dice: &mut Dice, record: &str) {
        if self.0.is_none() && dice.in_thousand(30) {
            self.0 = Some(record.to_owned());
        }
    }
}

fn pack(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
    gzip.write_all(text.as_bytes())?;
    std::fs::write(path, gzip.finish()?)
}

/// So many of `records` go into file `at` of `files`.
fn share(records: u64, files: u64, at: u64) -> u64 {
    records / files + u64::from(at < records % files)
}

// ---------------------------------------------------------------------------------------------------------------------
// CloudTrail

const ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "123456789012"];
/// Where each account runs.
const REGIONS: [&str; 3] = ["eu-central-1", "eu-west-1", "us-west-2"];
/// Where delivery and people are seen too.
const FAR: &str = "us-east-1";
const TEAMS: [&str; 8] = ["orders", "billing", "search", "ledger", "media", "shipping", "pricing", "reports"];
const AGENTS: [&str; 5] = [
    "Boto3/1.40.11 md/Botocore#1.40.11 ua/2.1 os/linux#6.1.141 lang/python#3.13.5 exec-env/AWS_Lambda_python3.13",
    "aws-sdk-java/2.32.4 ua/2.1 os/Linux#6.1.141 lang/java#21.0.7 exec-env/AWS_ECS_FARGATE",
    "APN/1.0 HashiCorp/1.0 Terraform/1.12.2 (+https://www.terraform.io) terraform-provider-aws/6.7.0 aws-sdk-go-v2/1.37.1",
    "aws-cli/2.28.2 md/awscrt#0.27.4 ua/2.1 os/linux#6.11.0-1018-azure md/arch#x86_64 lang/python#3.13.4 md/pyimpl#CPython md/command#cloudformation.deploy",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
];

/// What each sort of principal does, by weight.
const WORK: [&[(&str, u64)]; 5] = [
    // Functions.
    &[
        ("dynamodb:GetItem", 20),
        ("dynamodb:PutItem", 9),
        ("dynamodb:Query", 10),
        ("dynamodb:UpdateItem", 5),
        ("s3:GetObject", 14),
        ("s3:PutObject", 7),
        ("kms:Decrypt", 12),
        ("kms:GenerateDataKey", 4),
        ("secretsmanager:GetSecretValue", 4),
        ("ssm:GetParameter", 5),
        ("lambda:Invoke", 5),
        ("logs:CreateLogStream", 6),
        ("sqs:SendMessage", 4),
        ("sns:Publish", 2),
        ("states:StartExecution", 2),
    ],
    // Containers.
    &[
        ("s3:GetObject", 22),
        ("s3:HeadObject", 8),
        ("s3:ListObjects", 6),
        ("s3:PutObject", 8),
        ("s3:DeleteObject", 2),
        ("kms:Decrypt", 14),
        ("ecr:BatchGetImage", 4),
        ("ecr:GetAuthorizationToken", 4),
        ("ssm:GetParametersByPath", 5),
        ("logs:CreateLogStream", 7),
        ("secretsmanager:GetSecretValue", 5),
        ("sts:AssumeRole", 6),
        ("sqs:ReceiveMessage", 5),
        ("dynamodb:Query", 4),
    ],
    // Delivery.
    &[
        ("sts:GetCallerIdentity", 5),
        ("cloudformation:DescribeStacks", 12),
        ("cloudformation:DescribeStackEvents", 8),
        ("cloudformation:CreateChangeSet", 4),
        ("cloudformation:ExecuteChangeSet", 4),
        ("lambda:GetFunction20150331v2", 7),
        ("lambda:UpdateFunctionCode20150331v2", 5),
        ("iam:GetRole", 10),
        ("iam:PutRolePolicy", 3),
        ("iam:CreateRole", 2),
        ("iam:AttachRolePolicy", 2),
        ("s3:PutObject", 6),
        ("s3:GetBucketLocation", 4),
        ("logs:PutRetentionPolicy", 3),
        ("dynamodb:DescribeTable", 4),
        ("ec2:CreateTags", 3),
        ("ec2:AuthorizeSecurityGroupIngress", 2),
        ("ec2:DescribeSecurityGroups", 6),
        ("monitoring:PutMetricAlarm", 3),
    ],
    // Batch.
    &[
        ("s3:GetObject", 46),
        ("s3:PutObject", 44),
        ("s3:ListObjects", 2),
        ("kms:GenerateDataKey", 2),
        ("kms:Decrypt", 3),
        ("ec2:RunInstances", 1),
        ("ec2:TerminateInstances", 1),
        ("ec2:DescribeInstances", 1),
    ],
    // People.
    &[
        ("ec2:DescribeInstances", 10),
        ("ec2:DescribeSubnets", 6),
        ("ec2:DescribeSecurityGroups", 6),
        ("rds:DescribeDBInstances", 5),
        ("lambda:ListFunctions20150331", 5),
        ("logs:DescribeLogGroups", 8),
        ("monitoring:DescribeAlarms", 6),
        ("iam:GetRole", 4),
        ("kms:DescribeKey", 4),
        ("cloudformation:DescribeStacks", 5),
        ("s3:GetBucketPolicy", 3),
        ("s3:GetObject", 3),
        ("ssm:GetParameter", 2),
        ("dynamodb:DescribeTable", 3),
    ],
];

/// A principal.
struct Role {
    account: &'static str,
    work: usize,
    name: String,
    /// `AROA…`.
    id: String,
    team: &'static str,
}

/// The place and time of one record.
struct Spot<'r> {
    account: &'static str,
    region: &'static str,
    second: u64,
    role: &'r Role,
}

/// What a kind of event has of its own.
#[derive(Default)]
struct Detail {
    request: Value,
    response: Value,
    resources: Vec<Value>,
    extra: Value,
}

fn roles(dice: &mut Dice) -> Vec<Role> {
    let mut all = Vec::new();
    for number in 0..30_u64 {
        // Three of each, one an account; the first are by far the busiest.
        let (work, what) = match number / 3 {
            0 => (3, "Batch"),
            3 | 6 => (1, "Task"),
            5 | 8 => (2, "Deploy"),
            9 => (4, "Reader"),
            _ => (0, "Function"),
        };
        let at = usize::try_from(number).unwrap_or(0);
        let team = TEAMS.get(at % TEAMS.len()).copied().unwrap_or_default();
        let account = ACCOUNTS.get(at % ACCOUNTS.len()).copied().unwrap_or_default();
        let name = match work {
            4 => format!("AWSReservedSSO_{team}{what}_{}", dice.hex(16)),
            _ => format!("{team}-{what}"),
        };
        all.push(Role { account, work, name, id: format!("AROA{}", dice.base32(17)), team });
    }
    all
}

/// The role's session of the day.
fn identity(dice: &mut Dice, spot: &Spot<'_>) -> Value {
    let Role { account, work, name, id, team } = spot.role;
    let day = spot.second / DAY;
    // The same session has the same key.
    let mut own =
        Dice(day.wrapping_mul(7919) ^ id.bytes().map(u64::from).fold(1_u64, |a, b| a.wrapping_mul(31) ^ b));
    let key = format!("ASIA{}", own.base32(16));
    let session = match work {
        0 => format!("{team}-api"),
        1 => own.hex(32),
        2 => format!("GitHubActions-{}", own.below(100_000)),
        3 => format!("i-0{}", own.hex(16)),
        _ => "ana.example@example.com".to_owned(),
    };
    let path = if *work == 4 { "aws-reserved/sso.amazonaws.com/eu-central-1/" } else { "" };
    let mut context = json!({
        "sessionIssuer": {
            "type": "Role", "principalId": id, "arn": format!("arn:aws:iam::{account}:role/{path}{name}"),
            "accountId": account, "userName": name
        },
        "attributes": { "creationDate": time(day * DAY + own.below(3600)), "mfaAuthenticated": "false" }
    });
    let issuer = format!("arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com");
    if let Some(context) = context.as_object_mut() {
        if *work == 2 {
            context.insert(
                "webIdFederationData".to_owned(),
                json!({ "federatedProvider": issuer, "attributes": {} }),
            );
        } else if *work == 3 {
            context.insert("ec2RoleDelivery".to_owned(), json!("2.0"));
        }
    }
    let mut all = json!({
        "type": "AssumedRole", "principalId": format!("{id}:{session}"),
        "arn": format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
        "accountId": account, "accessKeyId": key, "sessionContext": context
    });
    if *work == 2 && dice.in_thousand(500) {
        set(&mut all, "invokedBy", json!("cloudformation.amazonaws.com"));
    }
    all
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

fn detail(dice: &mut Dice, spot: &Spot<'_>, source: &str, event: &str) -> Detail {
    match source {
        "s3" => s3(dice, spot, event),
        "lambda" => lambda(dice, spot, event),
        "dynamodb" => dynamodb(dice, spot, event),
        "kms" => kms(dice, spot, event),
        "ec2" => ec2(dice, spot, event),
        "iam" => iam(dice, spot, event),
        "cloudformation" => cloudformation(dice, spot, event),
        _ => other(dice, spot, source, event),
    }
}

fn s3(dice: &mut Dice, spot: &Spot<'_>, event: &str) -> Detail {
    let bucket = format!("{}-data-{}", spot.role.team, spot.account);
    let arn = format!("arn:aws:s3:::{bucket}");
    let host = format!("{bucket}.s3.{}.amazonaws.com", spot.region);
    let whole = json!({ "accountId": spot.account, "type": "AWS::S3::Bucket", "ARN": arn });
    let extra = json!({
        "SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "bytesTransferredIn": 0,
        "SSEApplied": "SSE_KMS", "AuthenticationMethod": "AuthHeader", "x-amz-id-2": dice.hex(76),
        "bytesTransferredOut": dice.below(1 << 20)
    });
    if event.ends_with("Object") {
        let topic = dice.pick(&["orders", "events", "invoices", "models"]);
        // Batch jobs never name an object twice, the others have their few.
        let key = match spot.role.work {
            3 => format!(
                "{topic}/dt={}/part-{:05}-{}.parquet",
                today(spot.second),
                dice.below(2000),
                dice.hex(8)
            ),
            _ => format!("{topic}/current/part-{:05}.parquet", dice.skewed(4)),
        };
        let object = json!({ "type": "AWS::S3::Object", "ARN": format!("{arn}/{key}") });
        let mut request = json!({ "bucketName": bucket, "Host": host, "key": key });
        let mut response = Value::Null;
        if event == "PutObject" {
            set(&mut request, "x-id", json!("PutObject"));
            set(&mut request, "x-amz-server-side-encryption", json!("aws:kms"));
            response = json!({ "x-amz-server-side-encryption": "aws:kms", "x-amz-version-id": dice.hex(32) });
        }
        return Detail { request, response, resources: vec![object, whole], extra };
    }
    let mut request = json!({ "bucketName": bucket, "Host": host });
    if event == "ListObjects" {
        set(&mut request, "list-type", json!("2"));
        set(&mut request, "prefix", json!(format!("orders/dt={}", today(spot.second))));
        let objects = json!({ "type": "AWS::S3::Object", "ARNPrefix": format!("{arn}/") });
        return Detail { request, resources: vec![objects, whole], extra, ..Detail::default() };
    }
    set(&mut request, if event == "GetBucketPolicy" { "policy" } else { "location" }, json!(""));
    Detail { request, resources: vec![whole], extra, ..Detail::default() }
}

fn lambda(dice: &mut Dice, spot: &Spot<'_>, event: &str) -> Detail {
    let name = format!("{}-worker-{}", spot.role.team, dice.skewed(12));
    let arn = format!("arn:aws:lambda:{}:{}:function:{name}", spot.region, spot.account);
    match event {
        "Invoke" => Detail {
            request: json!({ "functionName": arn, "invocationType": "RequestResponse", "contentType": "application/json" }),
            resources: vec![
                json!({ "accountId": spot.account, "type": "AWS::Lambda::Function", "ARN": arn }),
            ],
            extra: json!({ "functionVersion": format!("{arn}:$LATEST") }),
            ..Detail::default()
        },
        "ListFunctions20150331" => Detail { request: json!({ "maxItems": 50 }), ..Detail::default() },
        "GetFunction20150331v2" => Detail { request: json!({ "functionName": name }), ..Detail::default() },
        _ => Detail {
            request: json!({
                "functionName": name, "s3Bucket": format!("{}-artifacts-{}", spot.role.team, spot.account),
                "s3Key": format!("{name}/{}.zip", dice.hex(40)), "publish": false, "dryRun": false
            }),
            response: json!({
                "functionName": name, "functionArn": arn, "runtime": "python3.13",
                "role": format!("arn:aws:iam::{}:role/{name}", spot.account), "handler": "app.handler", "codeSize": dice.below(1 << 22),
                "description": "", "timeout": 30, "memorySize": 512, "lastModified": time(spot.second), "codeSha256": dice.hex(64),
                "version": "$LATEST", "environment": {}, "tracingConfig": { "mode": "Active" }, "revisionId": dice.uuid(),
                "layers": [], "state": "Active", "packageType": "Zip", "architectures": ["arm64"],
                "ephemeralStorage": { "size": 512 }
            }),
            ..Detail::default()
        },
    }
}

fn dynamodb(dice: &mut Dice, spot: &Spot<'_>, event: &str) -> Detail {
    let table = format!("{}-{}", spot.role.team, dice.pick(&["items", "users", "locks", "audit"]));
    let arn = format!("arn:aws:dynamodb:{}:{}:table/{table}", spot.region, spot.account);
    let resources = vec![json!({ "accountId": spot.account, "type": "AWS::DynamoDB::Table", "ARN": arn })];
    let request = match event {
        "DescribeTable" => json!({ "tableName": table }),
        "Query" => json!({
            "tableName": table, "keyConditionExpression": "#pk = :pk", "consistentRead": false, "limit": 50,
            "expressionAttributeNames": { "#pk": "pk" }, "scanIndexForward": true, "returnConsumedCapacity": "TOTAL"
        }),
        _ => json!({
            "tableName": table, "key": { "pk": format!("USER#{}", dice.below(1 << 20)), "sk": "PROFILE" },
            "consistentRead": true, "returnConsumedCapacity": "TOTAL"
        }),
    };
    Detail { request, resources, ..Detail::default() }
}

fn kms(dice: &mut Dice, spot: &Spot<'_>, event: &str) -> Detail {
    let mut own = Dice(dice.skewed(6) ^ u64::from(spot.account.as_bytes().first().copied().unwrap_or(0)));
    let arn = format!("arn:aws:kms:{}:{}:key/{}", spot.region, spot.account, own.uuid());
    let bucket = format!("arn:aws:s3:::{}-data-{}", spot.role.team, spot.account);
    let request = match event {
        "DescribeKey" => json!({ "keyId": arn }),
        "Decrypt" => json!({
            "keyId": arn, "encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": { "aws:s3:arn": bucket }
        }),
        _ => json!({ "keyId": arn, "keySpec": "AES_256", "encryptionContext": { "aws:s3:arn": bucket } }),
    };
    let resources = vec![json!({ "accountId": spot.account, "type": "AWS::KMS::Key", "ARN": arn })];
    Detail { request, resources, ..Detail::default() }
}

fn ec2(dice: &mut Dice, spot: &Spot<'_>, event: &str) -> Detail {
    let id = |dice: &mut Dice, kind: &str, many: u64| {
        format!("{kind}-0{}", Dice(dice.skewed(many) + kind.len() as u64).hex(16))
    };
    let instance = id(dice, "i", 40);
    let request = match event {
        "RunInstances" => json!({
            "instancesSet": { "items": [{ "imageId": id(dice, "ami", 5), "minCount": 1, "maxCount": 1 }] },
            "instanceType": "m7g.large", "subnetId": id(dice, "subnet", 6), "groupSet": { "items": [{ "groupId": id(dice, "sg", 8) }] },
            "iamInstanceProfile": { "arn": format!("arn:aws:iam::{}:instance-profile/{}", spot.account, spot.role.team) },
            "monitoring": { "enabled": false }, "disableApiTermination": false, "clientToken": dice.uuid(),
            "tagSpecificationSet": { "items": [{ "resourceType": "instance", "tags": [{ "key": "team", "value": spot.role.team }] }] }
        }),
        "TerminateInstances" => json!({ "instancesSet": { "items": [{ "instanceId": instance }] } }),
        "CreateTags" => json!({
            "resourcesSet": { "items": [{ "resourceId": instance }] },
            "tagSet": { "items": [{ "key": "team", "value": spot.role.team }, { "key": "env", "value": "prod" }] }
        }),
        "AuthorizeSecurityGroupIngress" => json!({
            "groupId": id(dice, "sg", 8), "ipPermissions": { "items": [{
                "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "groups": {}, "ipRanges": { "items": [{ "cidrIp": "192.0.2.0/24" }] },
                "ipv6Ranges": {}, "prefixListIds": {}
            }] }
        }),
        _ => json!({
            "maxResults": 1000, "filterSet": { "items": [{
                "name": "vpc-id", "valueSet": { "items": [{ "value": id(dice, "vpc", 3) }] }
            }] }
        }),
    };
    let response = match event {
        "RunInstances" => json!({
            "requestId": dice.uuid(), "reservationId": format!("r-0{}", dice.hex(16)), "ownerId": spot.account, "groupSet": {},
            "instancesSet": { "items": [{
                "instanceId": instance, "imageId": id(dice, "ami", 5), "instanceState": { "code": 0, "name": "pending" },
                "privateDnsName": "ip-10-0-1-17.ec2.internal", "keyName": "ops", "amiLaunchIndex": 0, "productCodes": {},
                "instanceType": "m7g.large", "launchTime": 1_790_812_800_000_u64,
                "placement": { "availabilityZone": format!("{}a", spot.region), "tenancy": "default" },
                "privateIpAddress": "10.0.1.17", "architecture": "arm64", "rootDeviceType": "ebs", "virtualizationType": "hvm"
            }] }
        }),
        "TerminateInstances" | "CreateTags" | "AuthorizeSecurityGroupIngress" => {
            json!({ "requestId": dice.uuid(), "_return": true })
        }
        _ => Value::Null,
    };
    Detail { request, response, ..Detail::default() }
}

fn iam(dice: &mut Dice, spot: &Spot<'_>, event: &str) -> Detail {
    let role = format!("{}-task-{}", spot.role.team, dice.skewed(20));
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    match event {
        "CreateRole" => Detail {
            request: json!({ "roleName": role, "path": "/", "assumeRolePolicyDocument": trust, "tags": [{ "key": "team", "value": spot.role.team }] }),
            response: json!({ "role": {
                "path": "/", "roleName": role, "roleId": format!("AROA{}", dice.base32(17)),
                "arn": format!("arn:aws:iam::{}:role/{role}", spot.account), "createDate": time(spot.second),
                "assumeRolePolicyDocument": "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D"
            } }),
            ..Detail::default()
        },
        "PutRolePolicy" => Detail {
            request: json!({
                "roleName": role, "policyName": "own",
                "policyDocument": "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"sqs:SendMessage\",\n      \"Resource\": \"*\"\n    }\n  ]\n}"
            }),
            ..Detail::default()
        },
        "AttachRolePolicy" => Detail {
            request: json!({ "roleName": role, "policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole" }),
            ..Detail::default()
        },
        _ => Detail { request: json!({ "roleName": role }), ..Detail::default() },
    }
}

fn cloudformation(dice: &mut Dice, spot: &Spot<'_>, event: &str) -> Detail {
    let name = format!("{}-stack-{}", spot.role.team, dice.skewed(6));
    let arn = format!(
        "arn:aws:cloudformation:{}:{}:stack/{name}/{}",
        spot.region,
        spot.account,
        Dice(name.len() as u64 + spot.account.len() as u64).uuid()
    );
    let hidden =
        |key: &str| json!({ "parameterKey": key, "parameterValue": "HIDDEN_DUE_TO_SECURITY_REASONS" });
    match event {
        "CreateChangeSet" => Detail {
            request: json!({
                "stackName": name, "changeSetName": format!("deploy-{}", dice.below(1 << 30)), "changeSetType": "UPDATE",
                "capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
                "parameters": [hidden("Stage"), hidden("DomainName"), hidden("ImageTag"), hidden("VpcId")],
                "roleARN": format!("arn:aws:iam::{}:role/{}-cfn", spot.account, spot.role.team),
                "tags": [{ "key": "team", "value": spot.role.team }]
            }),
            response: json!({ "id": arn.replace(":stack/", ":changeSet/"), "stackId": arn }),
            ..Detail::default()
        },
        "ExecuteChangeSet" => Detail {
            request: json!({ "stackName": arn, "changeSetName": format!("deploy-{}", dice.below(1 << 30)) }),
            ..Detail::default()
        },
        _ => Detail { request: json!({ "stackName": arn }), ..Detail::default() },
    }
}

fn other(dice: &mut Dice, spot: &Spot<'_>, source: &str, event: &str) -> Detail {
    let (team, region, account) = (spot.role.team, spot.region, spot.account);
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:{region}:{account}:{rest}");
    let only = |request: Value| Detail { request, ..Detail::default() };
    match (source, event) {
        ("sts", "AssumeRole") => {
            let role = format!("arn:aws:iam::{account}:role/{team}-data-{}", dice.skewed(4));
            Detail {
                request: json!({ "roleArn": role, "roleSessionName": format!("{team}-{}", dice.below(1000)), "durationSeconds": 3600 }),
                response: json!({
                    "credentials": {
                        "accessKeyId": format!("ASIA{}", dice.base32(16)), "sessionToken": dice.hex(300), "expiration": "Nov 3, 2026, 10:00:00 AM"
                    },
                    "assumedRoleUser": { "assumedRoleId": format!("AROA{}:{team}", dice.base32(17)), "arn": format!("arn:aws:sts::{account}:assumed-role/{team}-data/{team}") }
                }),
                resources: vec![json!({ "accountId": account, "type": "AWS::IAM::Role", "ARN": role })],
                ..Detail::default()
            }
        }
        // A stream an instance would be named exactly in a policy, which then does not fit: these reuse theirs.
        ("logs", "CreateLogStream") => only(json!({
            "logGroupName": format!("/aws/lambda/{team}-worker"), "logStreamName": format!("app-{}", dice.skewed(3))
        })),
        ("logs", "PutRetentionPolicy") => only(
            json!({ "logGroupName": format!("/aws/lambda/{team}-worker-{}", dice.skewed(12)), "retentionInDays": 30 }),
        ),
        ("logs", _) => only(json!({ "logGroupNamePrefix": "/aws/lambda/", "limit": 50 })),
        ("ssm", "GetParameter") => {
            only(json!({ "name": format!("/{team}/prod/key-{}", dice.skewed(30)), "withDecryption": true }))
        }
        ("ssm", _) => {
            only(json!({ "path": format!("/{team}/prod"), "recursive": true, "withDecryption": true }))
        }
        ("secretsmanager", _) => {
            let number = dice.skewed(5);
            only(
                json!({ "secretId": arn("secretsmanager", &format!("secret:{team}/db-{number}-{}", Dice(number).hex(6))) }),
            )
        }
        ("sqs", _) => only(
            json!({ "queueUrl": format!("https://sqs.{region}.amazonaws.com/{account}/{team}-jobs-{}", dice.skewed(4)) }),
        ),
        ("sns", _) => only(
            json!({ "topicArn": arn("sns", &format!("{team}-events")), "message": "HIDDEN_DUE_TO_SECURITY_REASONS" }),
        ),
        ("states", _) => only(
            json!({ "stateMachineArn": arn("states", &format!("stateMachine:{team}-flow")), "name": dice.uuid() }),
        ),
        ("ecr", "BatchGetImage") => Detail {
            request: json!({ "registryId": account, "repositoryName": format!("{team}/app"), "imageIds": [{ "imageTag": dice.hex(40) }] }),
            resources: vec![
                json!({ "accountId": account, "ARN": arn("ecr", &format!("repository/{team}/app")) }),
            ],
            ..Detail::default()
        },
        ("monitoring", "PutMetricAlarm") => only(json!({
            "alarmName": format!("{team}-errors-{}", dice.skewed(9)), "namespace": "AWS/Lambda", "metricName": "Errors", "period": 60,
            "evaluationPeriods": 5, "threshold": 1.0, "comparisonOperator": "GreaterThanThreshold", "actionsEnabled": true
        })),
        ("monitoring" | "rds", _) => only(json!({ "maxRecords": 100 })),
        _ => Detail::default(),
    }
}

/// A call by a role; `refused` when a policy did not let it.
fn call(dice: &mut Dice, spot: &Spot<'_>, kind: &str, refused: bool) -> Value {
    let (source, event) = kind.split_once(':').unwrap_or((kind, ""));
    let who = identity(dice, spot);
    let mut detail = detail(dice, spot, source, event);
    let through = who.get("invokedBy").and_then(Value::as_str).map(str::to_owned);
    let agent = AGENTS.get(spot.role.work).copied().unwrap_or_default().to_owned();
    let reads = ["Get", "Head", "List", "Describe", "Query", "Batch", "Decrypt", "Assume"]
        .iter()
        .any(|verb| event.starts_with(verb));
    let data = matches!(source, "s3" | "dynamodb" | "sqs" | "sns")
        && !event.contains("Bucket")
        && event != "DescribeTable"
        || event == "Invoke";
    let mut all = Map::new();
    let mut put = |key: &str, value: Value| {
        all.insert(key.to_owned(), value);
    };
    put("eventVersion", json!("1.11"));
    put("eventTime", json!(time(spot.second)));
    put("awsRegion", json!(spot.region));
    put("eventID", json!(dice.uuid()));
    put("eventName", json!(event));
    put("eventSource", json!(format!("{source}.amazonaws.com")));
    put("sourceIPAddress", json!(through.clone().unwrap_or_else(|| dice.ip())));
    put("userAgent", json!(through.clone().unwrap_or(agent)));
    put("requestID", json!(dice.uuid()));
    if refused {
        let arn = who.get("arn").and_then(Value::as_str).unwrap_or_default();
        let action = format!("{source}:{event}");
        let why = format!(
            "User: {arn} is not authorized to perform: {action} because no identity-based policy allows the {action} action"
        );
        put(
            "errorCode",
            json!(if source == "ec2" { "Client.UnauthorizedOperation" } else { "AccessDenied" }),
        );
        put("errorMessage", json!(why));
        detail.response = Value::Null;
    }
    put("userIdentity", who);
    put("requestParameters", detail.request);
    put("responseElements", detail.response);
    if !detail.extra.is_null() {
        put("additionalEventData", detail.extra);
    }
    put("readOnly", json!(reads));
    if !detail.resources.is_empty() {
        put("resources", Value::Array(detail.resources));
    }
    put("eventType", json!("AwsApiCall"));
    put("managementEvent", json!(!data));
    put("recipientAccountId", json!(spot.account));
    put("eventCategory", json!(if data { "Data" } else { "Management" }));
    if through.is_none() {
        let host = format!("{source}.{}.amazonaws.com", spot.region);
        put(
            "tlsDetails",
            json!({ "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host }),
        );
    }
    Value::Object(all)
}

/// What the platform does by itself: services that assume roles and use keys, service-linked roles that look around.
fn noise(dice: &mut Dice, spot: &Spot<'_>) -> Value {
    let linked = dice.in_thousand(300);
    let kind = if linked {
        "ec2:DescribeInstances"
    } else {
        dice.pick(&["sts:AssumeRole", "kms:Decrypt", "s3:PutObject"])
    };
    let mut record = call(dice, spot, kind, false);
    let service = if linked {
        "autoscaling.amazonaws.com"
    } else {
        dice.pick(&["lambda.amazonaws.com", "ecs-tasks.amazonaws.com", "delivery.logs.amazonaws.com"])
    };
    let who = if linked {
        let (account, name) = (spot.account, "AWSServiceRoleForAutoScaling");
        json!({
            "type": "AssumedRole", "principalId": "AROAEXAMPLEAUTOSCALE1:AutoScaling", "accountId": account,
            "arn": format!("arn:aws:sts::{account}:assumed-role/{name}/AutoScaling"),
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": "AROAEXAMPLEAUTOSCALE1", "accountId": account, "userName": name,
                    "arn": format!("arn:aws:iam::{account}:role/aws-service-role/{service}/{name}")
                },
                "attributes": { "creationDate": time(spot.second), "mfaAuthenticated": "false" }
            },
            "invokedBy": service
        })
    } else {
        json!({ "type": "AWSService", "invokedBy": service })
    };
    set(&mut record, "userIdentity", who);
    for key in ["sourceIPAddress", "userAgent"] {
        set(&mut record, key, json!(service));
    }
    if !linked {
        set(&mut record, "sharedEventID", json!(dice.uuid()));
    }
    record
}

/// Writes CloudTrail logs below `root` as a trail writes them into its bucket.
pub(crate) fn cloudtrail(root: &Path, records: u64, files: u64, seed: u64) -> io::Result<Made> {
    let mut dice = Dice(seed);
    let roles = roles(&mut dice);
    let (mut made, mut again) = (Made { files, ..Made::default() }, Again::default());
    for file in 0..files {
        let of = usize::try_from(file % 3).unwrap_or(0);
        let far = dice.in_thousand(100);
        let account = ACCOUNTS.get(of).copied().unwrap_or_default();
        let region = if far { FAR } else { REGIONS.get(of).copied().unwrap_or_default() };
        let second = (file * DAYS / files) * DAY + dice.below(DAY - 300);
        let here: Vec<&Role> = roles
            .iter()
            .filter(|role| role.account == account && (!far || matches!(role.work, 2 | 4)))
            .collect();
        let mut texts: Vec<String> = Vec::new();
        let due = share(records, files, file);
        while (texts.len() as u64) < due {
            if let Some(copy) = again.0.take_if(|_| texts.len() % 150 == 149) {
                made.copies += 1;
                texts.push(copy);
                continue;
            }
            let at = usize::try_from(dice.skewed(here.len() as u64)).unwrap_or(0);
            let Some(role) = here.get(at) else { break };
            let spot = Spot { account, region, second: second + dice.below(300), role };
            if dice.in_thousand(150) {
                made.noise += 1;
                texts.push(noise(&mut dice, &spot).to_string());
                continue;
            }
            let kind = dice.weighed(WORK.get(role.work).copied().unwrap_or_default());
            let refused = dice.in_thousand(12) && kind != "sts:GetCallerIdentity";
            let text = call(&mut dice, &spot, kind, refused).to_string();
            if kind == "sts:GetCallerIdentity" {
                made.free += 1;
            } else if refused {
                made.denied += 1;
            } else {
                again.maybe(&mut dice, &text);
            }
            texts.push(text);
        }
        made.records += texts.len() as u64;
        let text = format!("{{\"Records\":[{}]}}", texts.join(","));
        made.bytes += text.len() as u64;
        let stamp = time(second);
        let (day, clock) = (stamp.get(..10).unwrap_or(""), stamp.replace(['-', ':'], ""));
        let folder = format!("AWSLogs/{account}/CloudTrail/{region}/{}", day.replace('-', "/"));
        let minute = clock.get(..13).unwrap_or("");
        pack(
            &root.join(format!("{folder}/{account}_CloudTrail_{region}_{minute}Z_{}.json.gz", dice.hex(16))),
            &text,
        )?;
    }
    Ok(made)
}

// ---------------------------------------------------------------------------------------------------------------------
// Cloud Audit Logs

const PROJECTS: [&str; 3] = ["example-shop", "example-data", "example-ops"];

/// Service, method, permission, resource (with `{p}` project, `{n}` number), whether it is a data access; by weight.
struct Method {
    weight: u64,
    service: &'static str,
    method: &'static str,
    permission: &'static str,
    resource: &'static str,
    data: bool,
}

const fn method(
    weight: u64,
    [service, method, permission, resource]: [&'static str; 4],
    data: bool,
) -> Method {
    Method { weight, service, method, permission, resource, data }
}

const METHODS: [Method; 22] = [
    method(
        24,
        [
            "storage",
            "storage.objects.get",
            "storage.objects.get",
            "projects/_/buckets/{p}-lake/objects/orders/part-{k}.avro",
        ],
        true,
    ),
    method(
        12,
        [
            "storage",
            "storage.objects.create",
            "storage.objects.create",
            "projects/_/buckets/{p}-lake/objects/export/part-{k}.avro",
        ],
        true,
    ),
    method(
        6,
        ["storage", "storage.objects.list", "storage.objects.list", "projects/_/buckets/{p}-lake"],
        true,
    ),
    method(
        2,
        ["storage", "storage.buckets.get", "storage.buckets.get", "projects/_/buckets/{p}-lake"],
        false,
    ),
    method(
        8,
        ["bigquery", "google.cloud.bigquery.v2.JobService.InsertJob", "bigquery.jobs.create", "projects/{p}"],
        true,
    ),
    method(
        8,
        [
            "bigquery",
            "google.cloud.bigquery.v2.TableDataService.List",
            "bigquery.tables.getData",
            "projects/{p}/datasets/mart/tables/t{n}",
        ],
        true,
    ),
    method(
        3,
        [
            "bigquery",
            "google.cloud.bigquery.v2.TableService.InsertTable",
            "bigquery.tables.create",
            "projects/{p}/datasets/mart/tables/t{n}",
        ],
        false,
    ),
    method(
        6,
        [
            "secretmanager",
            "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion",
            "secretmanager.versions.access",
            "projects/{p}/secrets/db-{n}/versions/1",
        ],
        true,
    ),
    method(
        6,
        [
            "cloudkms",
            "Decrypt",
            "cloudkms.cryptoKeyVersions.useToDecrypt",
            "projects/{p}/locations/europe-west1/keyRings/main/cryptoKeys/k{n}/cryptoKeyVersions/1",
        ],
        true,
    ),
    method(
        3,
        [
            "cloudkms",
            "Encrypt",
            "cloudkms.cryptoKeyVersions.useToEncrypt",
            "projects/{p}/locations/europe-west1/keyRings/main/cryptoKeys/k{n}",
        ],
        true,
    ),
    method(
        3,
        [
            "compute",
            "v1.compute.instances.insert",
            "compute.instances.create",
            "projects/{p}/zones/europe-west1-b/instances/worker-{n}",
        ],
        false,
    ),
    method(
        2,
        [
            "compute",
            "v1.compute.instances.delete",
            "compute.instances.delete",
            "projects/{p}/zones/europe-west1-b/instances/worker-{n}",
        ],
        false,
    ),
    method(
        4,
        [
            "compute",
            "v1.compute.instances.get",
            "compute.instances.get",
            "projects/{p}/zones/europe-west1-b/instances/worker-{n}",
        ],
        true,
    ),
    method(
        3,
        [
            "compute",
            "v1.compute.instances.list",
            "compute.instances.list",
            "projects/{p}/zones/europe-west1-b/instances",
        ],
        true,
    ),
    method(
        4,
        [
            "pubsub",
            "google.pubsub.v1.Subscriber.CreateSubscription",
            "pubsub.subscriptions.create",
            "projects/{p}/subscriptions/s{n}",
        ],
        false,
    ),
    method(
        2,
        [
            "iam",
            "google.iam.admin.v1.GetServiceAccount",
            "iam.serviceAccounts.get",
            "projects/{p}/serviceAccounts/app-{n}@{p}.iam.gserviceaccount.com",
        ],
        true,
    ),
    method(
        2,
        [
            "iam",
            "google.iam.admin.v1.CreateServiceAccountKey",
            "iam.serviceAccountKeys.create",
            "projects/{p}/serviceAccounts/app-{n}@{p}.iam.gserviceaccount.com",
        ],
        false,
    ),
    method(2, ["cloudresourcemanager", "GetProject", "resourcemanager.projects.get", "projects/{p}"], true),
    method(
        3,
        [
            "run",
            "google.cloud.run.v2.Services.UpdateService",
            "run.services.update",
            "projects/{p}/locations/europe-west1/services/s{n}",
        ],
        false,
    ),
    method(
        2,
        [
            "container",
            "google.container.v1.ClusterManager.GetCluster",
            "container.clusters.get",
            "projects/{p}/locations/europe-west1/clusters/main",
        ],
        true,
    ),
    method(
        2,
        [
            "artifactregistry",
            "Docker-GetManifest",
            "artifactregistry.repositories.downloadArtifacts",
            "projects/{p}/locations/europe-west1/repositories/images",
        ],
        true,
    ),
    method(
        2,
        [
            "logging",
            "google.logging.v2.LoggingServiceV2.ListLogEntries",
            "logging.logEntries.list",
            "projects/{p}",
        ],
        true,
    ),
];

/// An entry of a call; `refused` when IAM did not let it.
fn entry(dice: &mut Dice, project: &str, who: &str, method: &Method, second: u64, refused: bool) -> Value {
    let number = dice.skewed(25).to_string();
    let key = format!("{:05}-{}", dice.below(3000), dice.hex(6));
    let resource = method.resource.replace("{p}", project).replace("{n}", &number).replace("{k}", &key);
    let service = format!("{}.googleapis.com", method.service);
    let log = if method.data { "data_access" } else { "activity" };
    let at = time(second).replace('Z', &format!(".{:09}Z", dice.below(1_000_000_000)));
    let access = if method.data { "DATA_READ" } else { "ADMIN_WRITE" };
    let status = if refused {
        json!({ "code": 7, "message": format!("Permission '{}' denied on resource (or it may not exist).", method.permission) })
    } else {
        json!({})
    };
    let key = format!("//iam.googleapis.com/projects/{project}/serviceAccounts/{who}/keys/{}", dice.hex(40));
    json!({
        "insertId": dice.hex(14), "logName": format!("projects/{project}/logs/cloudaudit.googleapis.com%2F{log}"),
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "authenticationInfo": {
                "principalEmail": who, "principalSubject": format!("serviceAccount:{who}"), "serviceAccountKeyName": key,
                "oauthInfo": { "oauthClientId": dice.below(1 << 60).to_string() }
            },
            "authorizationInfo": [{
                "resource": resource, "permission": method.permission, "granted": !refused, "permissionType": access,
                "resourceAttributes": { "service": service, "name": resource, "type": format!("{service}/Resource") }
            }],
            "methodName": method.method, "requestMetadata": {
                "callerIp": dice.ip(),
                "callerSuppliedUserAgent": "google-cloud-sdk gcloud/532.0.0 command/gcloud.example invocation-id/example environment/None environment-version/None client-os/LINUX client-os-ver/6.12.32 client-pltf-arch/x86_64 interactive/False from-script/True python/3.13.5 term/unknown,gzip(gfe)",
                "requestAttributes": { "time": at, "auth": {} }, "destinationAttributes": {}
            },
            "resourceLocation": { "currentLocations": ["europe-west1"] }, "resourceName": resource, "serviceName": service,
            "status": status, "request": {
                "@type": format!("type.googleapis.com/{}.Request", method.method), "name": resource, "requestId": dice.uuid(),
                "labels": { "team": dice.pick(&TEAMS), "env": "prod" }
            }
        },
        "receiveTimestamp": at, "resource": {
            "labels": { "project_id": project, "location": "europe-west1", "unique_id": dice.below(1 << 50).to_string() },
            "type": "audited_resource"
        },
        "severity": if refused { "ERROR" } else { "INFO" }, "timestamp": at
    })
}

/// Writes Cloud Audit Logs below `root` as a sink writes them into its bucket.
pub(crate) fn google(root: &Path, records: u64, files: u64, seed: u64) -> io::Result<Made> {
    let mut dice = Dice(seed);
    let weights: u64 = METHODS.iter().map(|method| method.weight).sum();
    let (mut made, mut again) = (Made { files, ..Made::default() }, Again::default());
    for file in 0..files {
        let project = dice.pick(&PROJECTS);
        let second = (file * DAYS / files) * DAY + dice.below(DAY / 3600) * 3600;
        let mut texts: Vec<String> = Vec::new();
        let due = share(records, files, file);
        while (texts.len() as u64) < due {
            if let Some(copy) = again.0.take_if(|_| texts.len() % 150 == 149) {
                made.copies += 1;
                texts.push(copy);
                continue;
            }
            let mut left = dice.below(weights);
            let found = METHODS.iter().find(|method| {
                let hit = left < method.weight;
                left = left.saturating_sub(method.weight);
                hit
            });
            let Some(method) = found else { break };
            let at = second + dice.below(3600);
            if dice.in_thousand(150) {
                made.noise += 1;
                let agent = format!(
                    "service-{}@compute-system.iam.gserviceaccount.com",
                    100_000_000_000 + dice.below(3)
                );
                texts.push(entry(&mut dice, project, &agent, method, at, false).to_string());
                continue;
            }
            let who = format!(
                "{}-{}@{project}.iam.gserviceaccount.com",
                dice.pick(&TEAMS),
                dice.pick(&["api", "batch"])
            );
            let refused = dice.in_thousand(12);
            made.denied += u64::from(refused);
            let mut one = entry(&mut dice, project, &who, method, at, refused);
            let operation =
                method.service == "compute" && !method.data && !refused && (texts.len() as u64) + 1 < due;
            if operation {
                let (id, producer) = (format!("operation-{}", dice.hex(40)), "compute.googleapis.com");
                set(&mut one, "operation", json!({ "id": id, "producer": producer, "first": true }));
                let mut end = one.clone();
                set(&mut end, "operation", json!({ "id": id, "producer": producer, "last": true }));
                set(&mut end, "insertId", json!(dice.hex(14)));
                texts.push(end.to_string());
                made.ends += 1;
            } else if !refused {
                again.maybe(&mut dice, &one.to_string());
            }
            texts.push(one.to_string());
        }
        made.records += texts.len() as u64;
        let text = texts.join("\n") + "\n";
        made.bytes += text.len() as u64;
        let stamp = time(second);
        let (day, hour) = (stamp.get(..10).unwrap_or("").replace('-', "/"), stamp.get(11..13).unwrap_or(""));
        // The sink writes colons into its names, which not every file system takes.
        let name = format!("{hour}-00-00_{hour}-59-59_S{file}.json.gz");
        pack(&root.join(format!("cloudaudit.googleapis.com/{project}/{day}/{name}")), &text)?;
    }
    Ok(made)
}
