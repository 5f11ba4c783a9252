//! Types of a few values, each of which has a name.

/// Gives a type all of its values and their names, `Display`, and `FromStr`, whose error lists the names.
macro_rules! named {
    ($type:ident as $what:literal { $($value:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every value.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$value),+];

            /// Its name, as on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::error::Error;

            fn from_str(name: &str) -> $crate::error::Result<Self> {
                let unknown = || {
                    let names = Self::ALL.map(Self::name).join(", ");
                    $crate::error::Error::argument($what, name, format!("one of {names}"))
                };
                Self::ALL.into_iter().find(|value| value.name() == name).ok_or_else(unknown)
            }
        }
    };
}
pub(crate) use named;

#[cfg(test)]
mod tests {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Tree {
        Oak,
        StonePine,
    }

    named!(Tree as "tree" { Oak = "oak", StonePine = "stone-pine" });

    #[test]
    fn a_name_is_read_as_it_is_written() {
        assert_eq!(Tree::ALL, [Tree::Oak, Tree::StonePine]);
        assert!(Tree::ALL.iter().all(|tree| tree.to_string().parse::<Tree>().unwrap() == *tree));
        assert_eq!(format!("{:>5}|{:4}|", Tree::Oak, Tree::Oak), "  oak|oak |");
        let message = "Oak".parse::<Tree>().unwrap_err().to_string();
        assert_eq!(message, "tree = Oak: one of oak, stone-pine");
    }
}
