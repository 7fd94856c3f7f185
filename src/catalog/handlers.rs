//! What CloudFormation calls to update and delete each resource type, and by which actions one is made: `handlers.tsv`.

use std::collections::HashMap;

/// A resource type of CloudFormation.
#[derive(Clone, Copy, Debug)]
pub struct Handled {
    /// `AWS::Lambda::Function`.
    pub kind: &'static str,
    update: &'static str,
    delete: &'static str,
}

impl Handled {
    /// Its name without service: `Function`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.kind.rsplit("::").next().unwrap_or(self.kind)
    }

    /// Actions that an update may need.
    pub fn update(&self) -> impl Iterator<Item = String> + use<> {
        actions(self.update)
    }

    /// Actions that a deletion may need.
    pub fn delete(&self) -> impl Iterator<Item = String> + use<> {
        actions(self.delete)
    }
}

/// All types, by the actions that make one.
#[derive(Debug)]
pub struct Handlers(HashMap<String, Vec<Handled>>);

impl Handlers {
    /// Reads the table: type, and the actions that make, update and delete one.
    #[must_use]
    pub fn parse(text: &'static str) -> Self {
        let mut all: HashMap<String, Vec<Handled>> = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut columns = line.split('\t');
            let [kind, makers, update, delete] = std::array::from_fn(|_| columns.next().unwrap_or(""));
            for maker in actions(makers) {
                all.entry(maker).or_default().push(Handled { kind, update, delete });
            }
        }
        Self(all)
    }

    /// The types of which the action makes one, sorted.
    #[must_use]
    pub fn made_by(&self, action: &str) -> &[Handled] {
        self.0.get(action).map_or(&[], Vec::as_slice)
    }

    /// Every action the table names, for the tests that keep it honest.
    pub fn actions(&self) -> impl Iterator<Item = String> + '_ {
        let handled = self.0.values().flatten().flat_map(|kind| kind.update().chain(kind.delete()));
        self.0.keys().cloned().chain(handled)
    }
}

/// `iam:PassRole;lambda:CreateFunction,GetFunction` one by one.
fn actions(text: &'static str) -> impl Iterator<Item = String> {
    text.split(';')
        .filter_map(|group| group.split_once(':'))
        .flat_map(|(prefix, names)| names.split(',').map(move |name| format!("{prefix}:{name}")))
}
