//! Named settings to start from, in place of the defaults.

use super::Config;
use super::overrides::parse_assignment;
use crate::error::Result;

/// Settings for one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For people whom training has not seen, of whom several clips are there to be scored
    /// (`docs/new-people.md`).
    NewPeople,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 1] = [Profile::NewPeople];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Profile::NewPeople => "new-people",
        }
    }

    /// A configuration with the settings laid over it.
    ///
    /// # Errors
    /// As [`Config::from_overrides`].
    pub fn over(self, base: &Config) -> Result<Config> {
        let settings = self.settings().iter().map(|text| parse_assignment(text));
        let layers: Result<Vec<_>> = std::iter::once(base.table()).chain(settings).collect();
        Config::from_overrides(&layers?)
    }

    /// What it sets, as `key=value`.
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Profile::NewPeople => &["data.standardize=\"actor\"", "data.clip_values=8"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_a_configuration_and_not_the_default_one() {
        for profile in Profile::ALL {
            let usual = Config::default();
            let config = profile.over(&usual).unwrap();
            let changes = config.changes_from(&usual);
            assert_eq!(changes.len(), profile.settings().len(), "{changes:?}");
            let loaded = Config::load_over(Some(profile), None, &[], None).unwrap();
            assert_eq!(loaded, config);
        }
    }
}
