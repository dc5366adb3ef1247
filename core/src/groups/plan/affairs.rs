//! A group's own affairs: sessions that fell silent, timers that have come, records that are trimmed. One
//! commit takes as many of them as fit it beside what it is for; the rest is left to the next.

/// What ending a session takes, or moving its timer on: its row, and its timer twice.
pub(super) const SESSION_OPS: usize = 3;
/// What taking records off a page takes: the page and its timer, each removed and written anew.
pub(super) const PAGE_OPS: usize = 4;

/// How many operations a commit has for own affairs, and how many they take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Affairs {
    most: usize,
    spent: usize,
    left: bool,
}

impl Affairs {
    /// Whatever there is.
    pub(crate) const ALL: Self = Self { most: usize::MAX, spent: 0, left: false };

    /// As many as take so many operations.
    pub(crate) fn up_to(most: usize) -> Self {
        Self { most, ..Self::ALL }
    }

    /// Takes room for one of them, if there is.
    pub(super) fn spend(&mut self, ops: usize) -> bool {
        let fits = ops <= self.most - self.spent;
        if fits {
            self.spent += ops;
        } else {
            self.left = true;
        }
        fits
    }

    /// How many pages there is room for, give or take one.
    pub(crate) fn pages(&self) -> usize {
        (self.most - self.spent) / PAGE_OPS
    }

    /// More are left than this commit takes.
    pub(crate) fn leave_some(&mut self) {
        self.left = true;
    }

    /// Whether some are left to the next commit.
    pub(crate) fn are_left(&self) -> bool {
        self.left
    }

    /// Whether the commit has any.
    pub(crate) fn is_any(&self) -> bool {
        self.spent > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_left() {
        let mut affairs = Affairs::up_to(7);
        assert!(affairs.spend(4) && affairs.is_any() && !affairs.are_left());
        assert!(!affairs.spend(4) && affairs.are_left());
        assert!(affairs.spend(3));
        assert_eq!(affairs.pages(), 0);
        let mut all = Affairs::ALL;
        assert!(all.spend(1 << 40) && !all.are_left());
    }
}
