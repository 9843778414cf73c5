//! Which encoders each clip of a batch has.

use ndarray::{Array2, ShapeBuilder};

/// Which of M encoders each of B clips has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    // Column-major, so that an encoder's column is a slice; none where every clip has every encoder.
    mask: Option<Array2<bool>>,
}

impl Presence {
    /// Every clip has every encoder.
    pub fn complete() -> Self {
        Self::default()
    }

    /// From one column per encoder that tells for each clip whether the encoder has it.
    ///
    /// # Panics
    /// If the columns have different lengths.
    pub fn from_columns<C: IntoIterator<Item = bool>>(
        columns: impl IntoIterator<Item = C>,
    ) -> Self {
        let (mut flags, mut encoders) = (Vec::new(), 0);
        let mut clips = None;
        for column in columns {
            let before = flags.len();
            flags.extend(column);
            let here = flags.len() - before;
            assert_eq!(*clips.get_or_insert(here), here, "one flag per clip");
            encoders += 1;
        }
        let shape = (clips.unwrap_or(0), encoders);
        let mask = flags.contains(&false).then(|| {
            Array2::from_shape_vec(shape.f(), flags).expect("as many flags as clips and encoders")
        });
        Self { mask }
    }

    /// The mask `(B, M)`; none where every clip has every encoder.
    pub fn mask(&self) -> Option<&Array2<bool>> {
        self.mask.as_ref()
    }

    /// An encoder's column `(B)`; none where it has every clip.
    ///
    /// # Panics
    /// If the mask has no such column.
    pub fn column(&self, encoder: usize) -> Option<&[bool]> {
        let column = self.mask.as_ref()?.column(encoder).to_slice();
        column.filter(|column| column.contains(&false))
    }

    /// Whether a clip has an encoder.
    ///
    /// # Panics
    /// If the mask has no such row or column.
    pub fn has(&self, clip: usize, encoder: usize) -> bool {
        self.mask.as_ref().is_none_or(|mask| mask[(clip, encoder)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_mask_and_its_columns_say_the_same() {
        let presence = Presence::from_columns([[true, false, true], [true, true, true]]);
        let mask = array![[true, true], [false, true], [true, true]];
        assert_eq!(presence.mask(), Some(&mask));
        assert_eq!(presence.column(0), Some(&[true, false, true][..]));
        assert_eq!(presence.column(1), None);
        for ((clip, encoder), &here) in mask.indexed_iter() {
            assert_eq!(presence.has(clip, encoder), here);
        }
        let single = Presence::from_columns([[true], [false]]);
        assert_eq!(single.column(1), Some(&[false][..]));
    }

    #[test]
    fn nothing_missing_needs_no_mask() {
        let presence = Presence::from_columns([[true; 4]; 3]);
        assert_eq!(presence, Presence::complete());
        assert!(presence.mask().is_none() && presence.column(2).is_none() && presence.has(3, 2));
        let none: [Vec<bool>; 0] = [];
        assert_eq!(Presence::from_columns(none), Presence::complete());
    }

    #[test]
    #[should_panic(expected = "one flag per clip")]
    fn columns_of_different_lengths_are_a_mistake() {
        Presence::from_columns([vec![true], vec![true, false]]);
    }
}
