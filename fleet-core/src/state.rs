//! The life of a video. Terminal states never change.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VideoState {
    Uploading,
    Queued,
    Planning,
    Processing,
    Finalizing,
    Done,
    Failed,
    Cancelled,
    Expired,
}

use VideoState::*;

impl VideoState {
    pub const ALL: [VideoState; 9] = [
        Uploading, Queued, Planning, Processing, Finalizing, Done, Failed, Cancelled, Expired,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Uploading => "uploading",
            Queued => "queued",
            Planning => "planning",
            Processing => "processing",
            Finalizing => "finalizing",
            Done => "done",
            Failed => "failed",
            Cancelled => "cancelled",
            Expired => "expired",
        }
    }

    pub fn is_terminal(self) -> bool {
        matches!(self, Done | Failed | Cancelled | Expired)
    }

    /// The states from which a video may enter `self`. A conditional write names exactly these, so
    /// a late or repeated message can only move a video forward.
    pub fn may_follow(self) -> &'static [VideoState] {
        match self {
            Uploading => &[],
            Queued => &[Uploading],
            Planning => &[Queued],
            Processing => &[Queued, Planning],
            Finalizing => &[Queued, Planning, Processing],
            Done => &[Queued, Planning, Processing, Finalizing],
            Failed | Cancelled => &[Uploading, Queued, Planning, Processing, Finalizing],
            Expired => &[Uploading],
        }
    }
}

impl fmt::Display for VideoState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for VideoState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| {
                let all: Vec<_> = Self::ALL.iter().map(|s| s.as_str()).collect();
                format!("unknown state {text:?}; one of {}", all.join(", "))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_follows_a_terminal_state() {
        for state in VideoState::ALL {
            assert!(
                state
                    .may_follow()
                    .iter()
                    .all(|before| !before.is_terminal()),
                "{state}"
            );
        }
    }

    #[test]
    fn every_state_but_the_first_can_be_entered_and_named() {
        for state in VideoState::ALL {
            assert_eq!(state == Uploading, state.may_follow().is_empty());
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert!("nope".parse::<VideoState>().is_err());
    }
}
