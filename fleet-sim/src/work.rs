//! What is to be done and what is done: the part of Redis and S3 in the simulation.

use fleet_core::scaling::Millis;

use crate::agenda::TaskId;
use crate::outcome::Outcome;
use crate::workload::Workload;

/// What an agent finds when it takes a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Todo {
    Plan {
        video: u32,
    },
    Segment {
        segment: u32,
    },
    /// The segment is done, and so are all others: this agent finalizes.
    Finalize {
        video: u32,
    },
    /// Done before: the message is deleted.
    Nothing,
}

#[derive(Debug)]
pub struct Work {
    videos: u32,
    /// Of each segment.
    video_of: Vec<u32>,
    planned: Vec<bool>,
    /// How often each segment's first result was recorded: 0 or 1, or the simulation is wrong.
    recorded: Vec<u8>,
    left: Vec<u32>,
    finished: Vec<Option<Millis>>,
    unfinished: u32,
    pub ignored_results: u64,
}

impl Work {
    pub fn new(workload: &Workload) -> Self {
        let mut video_of = vec![0; workload.segments.len()];
        for (index, video) in workload.videos.iter().enumerate() {
            let range = video.first as usize..(video.first + video.segments) as usize;
            video_of[range].fill(index as u32);
        }
        Self {
            videos: workload.videos.len() as u32,
            video_of,
            planned: vec![false; workload.videos.len()],
            recorded: vec![0; workload.segments.len()],
            left: workload.videos.iter().map(|v| v.segments).collect(),
            finished: vec![None; workload.videos.len()],
            unfinished: workload.videos.len() as u32,
            ignored_results: 0,
        }
    }

    pub fn plan_task(&self, video: u32) -> TaskId {
        video
    }

    pub fn segment_task(&self, segment: u32) -> TaskId {
        self.videos + segment
    }

    pub fn todo(&self, task: TaskId) -> Todo {
        let Some(segment) = task.checked_sub(self.videos) else {
            return match self.planned[task as usize] {
                true => Todo::Nothing,
                false => Todo::Plan { video: task },
            };
        };
        let video = self.video_of[segment as usize];
        let all_there = self.left[video as usize] == 0;
        match self.recorded[segment as usize] {
            0 => Todo::Segment { segment },
            _ if all_there && self.finished[video as usize].is_none() => Todo::Finalize { video },
            _ => Todo::Nothing,
        }
    }

    pub fn video_of(&self, task: TaskId) -> u32 {
        match task.checked_sub(self.videos) {
            Some(segment) => self.video_of[segment as usize],
            None => task,
        }
    }

    /// True for the first result of the plan.
    pub fn plan_done(&mut self, video: u32) -> bool {
        !std::mem::replace(&mut self.planned[video as usize], true)
    }

    /// True when this was the last segment of its video.
    pub fn segment_done(&mut self, segment: u32) -> bool {
        if self.recorded[segment as usize] > 0 {
            self.ignored_results += 1;
            return false;
        }
        self.recorded[segment as usize] += 1;
        let left = &mut self.left[self.video_of[segment as usize] as usize];
        *left -= 1;
        *left == 0
    }

    pub fn finish(&mut self, video: u32, now: Millis) {
        let finished = &mut self.finished[video as usize];
        if finished.is_none() {
            *finished = Some(now);
            self.unfinished -= 1;
        }
    }

    pub fn all_finished(&self) -> bool {
        self.unfinished == 0
    }

    pub fn report(&self, workload: &Workload, outcome: &mut Outcome) {
        outcome.videos = self.videos;
        outcome.unfinished = self.unfinished;
        outcome.segments = self.recorded.len() as u64;
        outcome.recorded = self.recorded.iter().filter(|count| **count == 1).count() as u64;
        outcome.recorded_twice = self.recorded.iter().filter(|count| **count > 1).count() as u64;
        outcome.ignored_results = self.ignored_results;
        outcome.last_finished = self.finished.iter().flatten().copied().max();
        outcome.times = workload
            .videos
            .iter()
            .zip(&self.finished)
            .filter_map(|(video, finished)| finished.map(|at| at - video.at))
            .collect();
        outcome.times.sort_unstable();
    }
}
