//! Signed here by a hand-written signer, from CloudFront's documentation, so that the check and
//! the upload handler's signer cannot share a mistake unnoticed.

use super::*;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::signature::{SignatureEncoding, Signer as _};
use std::sync::LazyLock;

const BASE: &str = "http://127.0.0.1:9";
const PATH: &str = "/results/t/v/frames.zip";
const NOW: u64 = 1_800_000_000;
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Small keys are quick to make; the check does not depend on the size.
static KEYS: LazyLock<[RsaPrivateKey; 2]> =
    LazyLock::new(|| [0, 1].map(|_| RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap()));

fn group() -> KeyGroup {
    let group = KeyGroup::default();
    group.trust(signer("K1", 0));
    group
}

fn signer(id: &str, key: usize) -> Signer {
    Signer {
        key_pair_id: id.into(),
        key: KEYS[key].to_public_key(),
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD
        .encode(bytes)
        .replace('+', "-")
        .replace('=', "_")
        .replace('/', "~")
}

fn sign(key: &RsaPrivateKey, document: &str) -> String {
    let key = SigningKey::<Sha1>::new(key.clone());
    encode(&key.sign(document.as_bytes()).to_bytes())
}

fn canned_query(key: &RsaPrivateKey, resource: &str, expires: u64) -> String {
    let document = format!(
        "{{\"Statement\":[{{\"Resource\":\"{resource}\",\"Condition\":{{\"DateLessThan\":{{\"AWS:EpochTime\":{expires}}}}}}}]}}"
    );
    let signature = sign(key, &document);
    format!("Expires={expires}&Signature={signature}&Key-Pair-Id=K1")
}

fn custom_query(document: &str) -> String {
    let signature = sign(&KEYS[0], document);
    let policy = encode(document.as_bytes());
    format!("Policy={policy}&Signature={signature}&Key-Pair-Id=K1")
}

fn checked(path: &str, query: &str) -> Result<(), Refusal> {
    check(&group(), BASE, path, query, CLIENT, NOW)
}

#[test]
fn a_canned_policy_opens_exactly_its_url_until_it_expires() {
    let resource = format!("{BASE}{PATH}");
    let good = canned_query(&KEYS[0], &resource, NOW + 1);
    assert_eq!(checked(PATH, &good), Ok(()));
    for (what, path, query, refusal) in [
        (
            "another path",
            "/results/t/w/frames.zip",
            good.clone(),
            Refusal::WrongSignature,
        ),
        (
            "an added query",
            PATH,
            format!("{good}&a=b"),
            Refusal::WrongSignature,
        ),
        (
            "a later expiry",
            PATH,
            good.replace(
                &format!("Expires={}", NOW + 1),
                &format!("Expires={}", NOW + 9),
            ),
            Refusal::WrongSignature,
        ),
        (
            "another's key",
            PATH,
            canned_query(&KEYS[1], &resource, NOW + 1),
            Refusal::WrongSignature,
        ),
        (
            "an unknown key id",
            PATH,
            good.replace("Key-Pair-Id=K1", "Key-Pair-Id=K2"),
            Refusal::UnknownKey,
        ),
        (
            "expired",
            PATH,
            canned_query(&KEYS[0], &resource, NOW),
            Refusal::Expired,
        ),
        ("nothing", PATH, String::new(), Refusal::MissingKey),
        (
            "only a key id",
            PATH,
            "Key-Pair-Id=K1".into(),
            Refusal::MalformedPolicy,
        ),
        (
            "no signature",
            PATH,
            format!("Expires={}&Key-Pair-Id=K1", NOW + 1),
            Refusal::MalformedSignature,
        ),
        (
            "a signature of the wrong length",
            PATH,
            format!("Expires={}&Signature=AAAA&Key-Pair-Id=K1", NOW + 1),
            Refusal::WrongSignature,
        ),
    ] {
        assert_eq!(checked(path, &query), Err(refusal), "{what}");
    }
}

#[test]
fn a_key_is_changed_without_a_gap() {
    let group = group();
    let resource = format!("{BASE}{PATH}");
    let old = canned_query(&KEYS[0], &resource, NOW + 1);
    let new = canned_query(&KEYS[1], &resource, NOW + 1).replace("=K1", "=K2");
    let checked = |query: &str| check(&group, BASE, PATH, query, CLIENT, NOW);
    assert_eq!(
        (checked(&old), checked(&new)),
        (Ok(()), Err(Refusal::UnknownKey))
    );
    group.trust(signer("K2", 1));
    assert_eq!((checked(&old), checked(&new)), (Ok(()), Ok(())));
    group.distrust("K1");
    assert_eq!(
        (checked(&old), checked(&new)),
        (Err(Refusal::UnknownKey), Ok(()))
    );
}

#[test]
fn one_flipped_bit_of_the_signature_is_noticed() {
    let good = canned_query(&KEYS[0], &format!("{BASE}{PATH}"), NOW + 1);
    let at = good.find("Signature=").unwrap() + "Signature=".len();
    let mut bytes = good.into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    let tampered = String::from_utf8(bytes).unwrap();
    assert_eq!(checked(PATH, &tampered), Err(Refusal::WrongSignature));
}

#[test]
fn the_urls_own_query_is_part_of_what_is_signed() {
    let disposition = "response-content-disposition=attachment%3B%20filename%3D%22a.zip%22";
    let resource = format!("{BASE}{PATH}?{disposition}");
    let auth = canned_query(&KEYS[0], &resource, NOW + 1);
    assert_eq!(checked(PATH, &format!("{disposition}&{auth}")), Ok(()));
    assert_eq!(checked(PATH, &format!("{auth}&{disposition}")), Ok(()));
    assert_eq!(checked(PATH, &auth), Err(Refusal::WrongSignature));
}

#[test]
fn a_custom_policy_brings_its_own_pattern_and_conditions() {
    let policy = |resource: &str, conditions: &str| {
        custom_query(&format!(
            r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{{conditions}}}}}]}}"#
        ))
    };
    let until = |t: u64| format!(r#""DateLessThan":{{"AWS:EpochTime":{t}}}"#);
    let from = |t: u64| format!(r#""DateGreaterThan":{{"AWS:EpochTime":{t}}}"#);
    let by = |ip: &str| format!(r#""IpAddress":{{"AWS:SourceIp":"{ip}"}}"#);
    let all = format!("{BASE}/results/t/*");
    let live = until(NOW + 1);
    for (resource, conditions, expected) in [
        (all.as_str(), live.clone(), Ok(())),
        ("*", live.clone(), Ok(())),
        (
            "http://127.0.0.1:?/results/?/v/frames.zip",
            live.clone(),
            Ok(()),
        ),
        (
            "http://127.0.0.1:9/results/u/*",
            live.clone(),
            Err(Refusal::WrongResource),
        ),
        (&all, until(NOW), Err(Refusal::Expired)),
        (&all, format!("{live},{}", from(NOW - 1)), Ok(())),
        (&all, format!("{live},{}", from(NOW)), Err(Refusal::NotYet)),
        (&all, format!("{live},{}", by("127.0.0.1/32")), Ok(())),
        (&all, format!("{live},{}", by("0.0.0.0/0")), Ok(())),
        (
            &all,
            format!("{live},{}", by("10.0.0.1")),
            Err(Refusal::WrongAddress),
        ),
        (&all, from(NOW), Err(Refusal::MalformedPolicy)),
    ] {
        let query = policy(resource, &conditions);
        assert_eq!(checked(PATH, &query), expected, "{resource} {conditions}");
    }
}

#[test]
fn a_policy_that_was_exchanged_is_noticed() {
    let mine =
        r#"{"Statement":[{"Resource":"*","Condition":{"DateLessThan":{"AWS:EpochTime":1}}}]}"#;
    let forged = mine.replace(":1}", ":9999999999}");
    let signature = sign(&KEYS[0], mine);
    let policy = encode(forged.as_bytes());
    let query = format!("Policy={policy}&Signature={signature}&Key-Pair-Id=K1");
    assert_eq!(checked(PATH, &query), Err(Refusal::WrongSignature));
    let garbage = format!("Policy=%%%&Signature={signature}&Key-Pair-Id=K1");
    assert_eq!(checked(PATH, &garbage), Err(Refusal::MalformedPolicy));
}
