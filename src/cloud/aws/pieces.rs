//! The fields of an ARN that say where a resource is: `arn:partition:service:region:account:rest`.

use crate::cloud::Piece;

/// Splits an ARN at its partition, region and account; anything else is text as a whole.
pub(super) fn pieces(name: &str) -> Vec<Piece<'_>> {
    let fields: Vec<&str> = name.splitn(6, ':').collect();
    let [scheme @ "arn", partition, service, region, account, rest] = fields.as_slice() else {
        return vec![Piece::Text(name)];
    };
    vec![
        Piece::Text(scheme),
        Piece::Text(":"),
        Piece::Partition(partition),
        Piece::Text(":"),
        Piece::Text(service),
        Piece::Text(":"),
        Piece::Region(region),
        Piece::Text(":"),
        Piece::Account(account),
        Piece::Text(":"),
        Piece::Text(rest),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_fields_of_an_arn_are_pieces() {
        let queue = pieces("arn:aws:sqs:eu-central-1:111122223333:jobs-111122223333-eu-central-1");
        let own: Vec<&Piece<'_>> = queue.iter().filter(|piece| !matches!(piece, Piece::Text(_))).collect();
        assert_eq!(
            own,
            [&Piece::Partition("aws"), &Piece::Region("eu-central-1"), &Piece::Account("111122223333")]
        );
        assert_eq!(pieces("*"), [Piece::Text("*")]);
        assert_eq!(pieces("111122223333"), [Piece::Text("111122223333")]);
        assert_eq!(pieces("s3.eu-central-1.amazonaws.com"), [Piece::Text("s3.eu-central-1.amazonaws.com")]);
    }

    proptest! {
        #[test]
        fn pieces_join_to_the_name(name in "arn:[a-z:${}*]{0,40}|\\PC*") {
            let joined: String = pieces(&name).iter().map(Piece::text).collect();
            prop_assert_eq!(joined, name);
        }
    }
}
