//! Makes folds for data that have none: no actor is in two of them, and clips, blends and classes are
//! spread evenly.

use std::collections::HashMap;

use super::Clip;
use super::actors::ActorSource;
use crate::data::label::Classes;
use crate::error::Result;
use crate::formats::csv::table::CsvTable;
use crate::rng::{Purpose, Stream};

/// How often all groups are tried in other folds.
const PASSES: usize = 20;

/// Folds that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewFolds {
    /// How many.
    pub count: usize,
    /// Decides between assignments that are equally good.
    pub seed: u64,
}

impl NewFolds {
    /// Gives each clip its fold.
    ///
    /// # Errors
    /// [`crate::Error::Csv`] for a table that has folds, or too few actors.
    pub(super) fn assign(
        &self,
        table: &CsvTable,
        clips: &mut [Clip],
        classes: &Classes,
        actors: &ActorSource,
    ) -> Result<()> {
        if let Some(clip) = clips.iter().find(|clip| clip.fold.is_some()) {
            let reason =
                "the table has folds already; leave out data.folds to use them, or remove this column"
                    .to_owned();
            return Err(table.fault(Some(clip.line), Some("fold"), reason));
        }
        self.give(clips, classes.len())
            .map_err(|reason| table.fault(None, None, format!("{reason} (actors {actors})")))
    }

    /// Gives each clip its fold; the reason if there are too few actors.
    pub(in crate::data) fn give(
        &self,
        clips: &mut [Clip],
        classes: usize,
    ) -> std::result::Result<(), String> {
        let folds = assign(clips, classes, *self)?;
        for (clip, fold) in clips.iter_mut().zip(folds) {
            clip.fold = Some(fold);
        }
        Ok(())
    }
}

/// Clips of one actor, which stay together.
#[derive(Clone, Debug, Default)]
struct Group {
    clips: Vec<usize>,
    /// How much it has of everything that is balanced.
    amounts: Vec<f64>,
}

/// A fold from 0 for each clip. Clips of one actor are in one fold; where all clips have the same actor, or
/// none is known, each clip is by itself. Depends on the order of the clips and on who shares an actor,
/// not on what actors are called.
///
/// Balanced are the number of clips, of clips that show several emotions, and each class's sum of shares:
/// groups are assigned from the largest to the smallest, each to the fold where the squared relative
/// deviations from equal folds are least, and then moved or exchanged while that lowers them.
///
/// # Errors
/// Why there are no such folds: fewer than two, or fewer actors than folds.
fn assign(
    clips: &[Clip],
    classes: usize,
    folds: NewFolds,
) -> std::result::Result<Vec<usize>, String> {
    let NewFolds { count, seed } = folds;
    if count < 2 {
        return Err(format!("{count} folds: expected at least 2"));
    }
    let mut groups = groups(clips, classes);
    if groups.len() < count {
        return Err(format!(
            "{count} folds need as many actors, but there are {}: use data.folds={}, or fewer",
            groups.len(),
            groups.len()
        ));
    }
    Stream::new(seed, Purpose::Folds, 0, 0).shuffle(&mut groups);
    groups.sort_by_key(|group| std::cmp::Reverse(group.clips.len()));
    let mut balance = Balance::new(&groups, count);
    for (place, group) in groups.iter().enumerate() {
        // The last groups fill folds that are empty.
        let left = groups.len() - place;
        let must_fill = balance.empty() >= left;
        balance.add_where_best(place, group, must_fill);
    }
    for _ in 0..PASSES {
        let moved = balance.move_groups(&groups);
        if !(balance.exchange_groups(&groups) || moved) {
            break;
        }
    }
    let mut assigned = vec![0; clips.len()];
    for (group, fold) in groups.iter().zip(balance.in_order()) {
        for &clip in &group.clips {
            assigned[clip] = fold;
        }
    }
    Ok(assigned)
}

/// Whether each clip is a group by itself, for want of at least two actors.
pub fn by_clip(clips: &[Clip]) -> bool {
    let mut actors = clips.iter().filter_map(|clip| clip.actor.as_deref());
    let first = actors.next();
    actors.all(|actor| Some(actor) == first)
}

fn groups(clips: &[Clip], classes: usize) -> Vec<Group> {
    let by_clip = by_clip(clips);
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (number, clip) in clips.iter().enumerate() {
        let actor = clip.actor.as_deref().filter(|_| !by_clip);
        let place = match actor {
            Some(actor) => *places.entry(actor).or_insert(groups.len()),
            None => groups.len(),
        };
        if place == groups.len() {
            groups.push(Group {
                clips: Vec::new(),
                amounts: vec![0.0; classes + 2],
            });
        }
        let group = &mut groups[place];
        group.clips.push(number);
        group.amounts[0] += 1.0;
        let several = clip
            .truth
            .as_ref()
            .is_some_and(|truth| truth.parts().len() > 1);
        group.amounts[1] += f64::from(several);
        for (amount, share) in group.amounts[2..]
            .iter_mut()
            .zip(clip.target.iter().flatten())
        {
            *amount += share;
        }
    }
    groups
}

/// The folds while they are filled.
struct Balance {
    /// What an equal fold has of everything.
    equal: Vec<f64>,
    /// What each fold has.
    amounts: Vec<Vec<f64>>,
    /// How many groups each fold has.
    sizes: Vec<usize>,
    /// The fold of each group.
    fold_of: Vec<usize>,
}

impl Balance {
    fn new(groups: &[Group], folds: usize) -> Self {
        let kinds = groups.first().map_or(0, |group| group.amounts.len());
        let total = |kind: usize| groups.iter().map(|group| group.amounts[kind]).sum::<f64>();
        Self {
            equal: (0..kinds).map(|kind| total(kind) / folds as f64).collect(),
            amounts: vec![vec![0.0; kinds]; folds],
            sizes: vec![0; folds],
            fold_of: vec![usize::MAX; groups.len()],
        }
    }

    fn empty(&self) -> usize {
        self.sizes.iter().filter(|size| **size == 0).count()
    }

    /// The squared relative deviation of a fold with `more` added; the number of clips weighs as much as
    /// all classes together.
    fn deviation(&self, fold: usize, more: &[(f64, &Group)]) -> f64 {
        let classes = self.equal.len().saturating_sub(2).max(1) as f64;
        let mut sum = 0.0;
        for (kind, &equal) in self.equal.iter().enumerate() {
            if equal > 0.0 {
                let added = more.iter().map(|(sign, group)| sign * group.amounts[kind]);
                let amount = self.amounts[fold][kind] + added.sum::<f64>();
                let weight = if kind == 0 { classes } else { 1.0 };
                sum += weight * ((amount - equal) / equal).powi(2);
            }
        }
        sum
    }

    fn add_where_best(&mut self, place: usize, group: &Group, must_fill: bool) {
        let mut best: Option<(usize, f64)> = None;
        for fold in 0..self.sizes.len() {
            if must_fill && self.sizes[fold] > 0 {
                continue;
            }
            let change = self.deviation(fold, &[(1.0, group)]) - self.deviation(fold, &[]);
            if best.is_none_or(|(_, least)| change < least) {
                best = Some((fold, change));
            }
        }
        let fold = best.map_or(0, |(fold, _)| fold);
        self.put(place, group, fold);
    }

    fn put(&mut self, place: usize, group: &Group, fold: usize) {
        self.fold_of[place] = fold;
        self.sizes[fold] += 1;
        for (amount, more) in self.amounts[fold].iter_mut().zip(&group.amounts) {
            *amount += more;
        }
    }

    fn take(&mut self, place: usize, group: &Group) {
        let fold = self.fold_of[place];
        self.sizes[fold] -= 1;
        for (amount, less) in self.amounts[fold].iter_mut().zip(&group.amounts) {
            *amount -= less;
        }
    }

    /// Moves each group to the fold that improves most, if any does.
    fn move_groups(&mut self, groups: &[Group]) -> bool {
        let mut any = false;
        for (place, group) in groups.iter().enumerate() {
            let from = self.fold_of[place];
            if self.sizes[from] == 1 {
                continue;
            }
            let gain = self.deviation(from, &[]) - self.deviation(from, &[(-1.0, group)]);
            let cost =
                |fold: usize| self.deviation(fold, &[(1.0, group)]) - self.deviation(fold, &[]);
            let others = (0..self.sizes.len()).filter(|fold| *fold != from);
            let best = others
                .map(|fold| (fold, cost(fold)))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((fold, cost)) = best
                && cost < gain - IMPROVES
            {
                self.take(place, group);
                self.put(place, group, fold);
                any = true;
            }
        }
        any
    }

    /// Exchanges pairs of groups of different folds where that improves; only of few groups, as many are
    /// balanced by moves.
    fn exchange_groups(&mut self, groups: &[Group]) -> bool {
        let mut any = false;
        if groups.len() > MOST_EXCHANGED {
            return false;
        }
        for a in 0..groups.len() {
            for b in 0..a {
                let (of_a, of_b) = (self.fold_of[a], self.fold_of[b]);
                if of_a == of_b {
                    continue;
                }
                let (group_a, group_b) = (&groups[a], &groups[b]);
                let now = self.deviation(of_a, &[]) + self.deviation(of_b, &[]);
                let then = self.deviation(of_a, &[(-1.0, group_a), (1.0, group_b)])
                    + self.deviation(of_b, &[(1.0, group_a), (-1.0, group_b)]);
                if then < now - IMPROVES {
                    self.take(a, group_a);
                    self.take(b, group_b);
                    self.put(a, group_a, of_b);
                    self.put(b, group_b, of_a);
                    any = true;
                }
            }
        }
        any
    }

    /// The fold of each group.
    fn in_order(&self) -> impl Iterator<Item = usize> {
        self.fold_of.iter().copied()
    }
}

/// A lower deviation is better only by more than rounding.
const IMPROVES: f64 = 1e-9;

/// Pairs of more groups than these are not tried.
const MOST_EXCHANGED: usize = 200;

#[cfg(test)]
mod tests;
