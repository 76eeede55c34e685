//! Agents are alike, and so are segments of a video, and videos. Of all states that differ only in
//! who is who, one stands for (nearly) all: each kind is put in the order of what its members are
//! and hold. Every renaming is sound; where two members tie, both orders may be explored.

use crate::redis::{Bits, Job, Redis, bit, has};
use crate::world::{Agent, Doing, Guard, Message, Video, World};

pub fn canonical(mut w: World) -> World {
    let agents = order(w.agents.len(), |a| agent_key(&w, a as u8));
    if !sorted(&agents) {
        rename_agents(&mut w, &agents);
    }
    for j in 0..w.jobs.len() {
        let segments = order(w.jobs[j].messages.len(), |s| segment_key(&w, j, s as u8));
        if !sorted(&segments) {
            rename_segments(&mut w, j, &segments);
        }
    }
    let jobs = order(w.jobs.len(), |j| job_key(&w, j));
    if !sorted(&jobs) {
        rename_jobs(&mut w, &jobs);
    }
    w
}

/// The members in order of their keys: at each place, who takes it.
fn order<K: Ord>(n: usize, key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_cached_key(|&i| key(i));
    order
}

fn sorted(order: &[usize]) -> bool {
    order.iter().enumerate().all(|(at, who)| at == *who)
}

type AgentKey = ([bool; 5], [Bits; 4], u32, (u8, u32, u8), Option<[bool; 6]>);

/// Nothing in it depends on how agents, segments or videos are numbered.
fn agent_key(w: &World, a: u8) -> AgentKey {
    let agent = &w.agents[usize::from(a)];
    let Agent {
        up,
        reported,
        old,
        stopped,
        spared,
        doing,
    } = *agent;
    let known = |redis: &Redis| {
        [redis.idle, redis.seen, redis.condemned, redis.retiring]
            .iter()
            .fold(0, |key, set| 2 * key + u8::from(has(*set, a)))
    };
    let replica = w.replica.as_ref().map_or(0, known);
    let guard = match w.guard {
        Guard::Chose(of) if of == a => 1,
        Guard::Answers(of) if of == a => 2,
        _ => 0,
    };
    let held = w.jobs.iter().flat_map(|v| &v.messages);
    let held = held.filter(|m| **m == Message::Held(a)).count() as u32;
    let (kind, at) = match doing {
        Doing::Polling => ((0, 0, 0), None),
        Doing::Working { j, s } => ((1, 0, 0), Some((j, s))),
        Doing::Restoring { j, s, listed } => ((2, listed.count_ones(), 0), Some((j, s))),
        Doing::Finalizing { j, s, token, at } => ((3, u32::from(token), at as u8), Some((j, s))),
    };
    let segment = at.map(|(j, s)| {
        let video = &w.jobs[usize::from(j)];
        let job = &w.redis.jobs[usize::from(j)];
        let message = video.messages[usize::from(s)];
        [
            message == Message::Held(a),
            message == Message::Visible,
            has(video.fragments, s),
            has(job.done, s),
            video.ended,
            video.fragments == job.done,
        ]
    });
    let flags = [up, reported, old, stopped, spared];
    let bits = [known(&w.redis), replica, guard, u8::from(has(w.offered, a))];
    (flags, bits, held, kind, segment)
}

/// By agents that are in order already.
fn segment_key(w: &World, j: usize, s: u8) -> (Message, [bool; 3], Vec<(bool, bool)>) {
    let video = &w.jobs[j];
    let in_replica = w.replica.as_ref().is_some_and(|r| has(r.jobs[j].done, s));
    let bits = [
        has(video.fragments, s),
        has(w.redis.jobs[j].done, s),
        in_replica,
    ];
    let of = |agent: &Agent| match agent.doing {
        Doing::Polling => (false, false),
        Doing::Working { j: of, s: at } | Doing::Finalizing { j: of, s: at, .. } => {
            (usize::from(of) == j && at == s, false)
        }
        Doing::Restoring {
            j: of,
            s: at,
            listed,
        } => {
            let here = usize::from(of) == j;
            (here && at == s, here && has(listed, s))
        }
    };
    (
        video.messages[usize::from(s)],
        bits,
        w.agents.iter().map(of).collect(),
    )
}

/// By agents and segments that are in order already.
fn job_key(w: &World, j: usize) -> (Video, JobKey, Option<JobKey>, Vec<Option<Doing>>) {
    let doing = |agent: &Agent| match agent.doing {
        Doing::Working { j: of, s } if usize::from(of) == j => Some(Doing::Working { j: 0, s }),
        Doing::Restoring { j: of, s, listed } if usize::from(of) == j => {
            Some(Doing::Restoring { j: 0, s, listed })
        }
        Doing::Finalizing {
            j: of,
            s,
            token,
            at,
        } if usize::from(of) == j => Some(Doing::Finalizing { j: 0, s, token, at }),
        _ => None,
    };
    let replica = w.replica.as_ref().map(|r| flat(&r.jobs[j]));
    let doing = w.agents.iter().map(doing).collect();
    (w.jobs[j].clone(), flat(&w.redis.jobs[j]), replica, doing)
}

type JobKey = (bool, bool, Bits, u8, bool, Option<u8>);

fn flat(job: &Job) -> JobKey {
    let ended = job.ended.map(|end| end as u8);
    (job.exists, job.whole, job.done, job.token, job.lease, ended)
}

fn rename_agents(w: &mut World, order: &[usize]) {
    let mut place = vec![0_u8; order.len()];
    for (at, &who) in order.iter().enumerate() {
        place[who] = at as u8;
    }
    let of = |a: u8| place[usize::from(a)];
    w.agents = order.iter().map(|&who| w.agents[who]).collect();
    w.offered = permute(w.offered, order);
    for redis in std::iter::once(&mut w.redis).chain(&mut w.replica) {
        for set in [
            &mut redis.idle,
            &mut redis.seen,
            &mut redis.condemned,
            &mut redis.retiring,
        ] {
            *set = permute(*set, order);
        }
    }
    w.guard = match w.guard {
        Guard::Asleep => Guard::Asleep,
        Guard::Chose(a) => Guard::Chose(of(a)),
        Guard::Answers(a) => Guard::Answers(of(a)),
    };
    for message in w.jobs.iter_mut().flat_map(|v| &mut v.messages) {
        if let Message::Held(a) = message {
            *a = of(*a);
        }
    }
}

fn rename_segments(w: &mut World, j: usize, order: &[usize]) {
    let mut place = vec![0_u8; order.len()];
    for (at, &who) in order.iter().enumerate() {
        place[who] = at as u8;
    }
    let video = &mut w.jobs[j];
    video.messages = order.iter().map(|&who| video.messages[who]).collect();
    video.fragments = permute(video.fragments, order);
    for redis in std::iter::once(&mut w.redis).chain(&mut w.replica) {
        redis.jobs[j].done = permute(redis.jobs[j].done, order);
    }
    for agent in &mut w.agents {
        match &mut agent.doing {
            Doing::Working { j: of, s } | Doing::Finalizing { j: of, s, .. }
                if usize::from(*of) == j =>
            {
                *s = place[usize::from(*s)];
            }
            Doing::Restoring { j: of, s, listed } if usize::from(*of) == j => {
                *s = place[usize::from(*s)];
                *listed = permute(*listed, order);
            }
            _ => {}
        }
    }
}

fn rename_jobs(w: &mut World, order: &[usize]) {
    let place = |j: u8| {
        order
            .iter()
            .position(|&who| who == usize::from(j))
            .unwrap_or(0) as u8
    };
    for agent in &mut w.agents {
        match &mut agent.doing {
            Doing::Polling => {}
            Doing::Working { j, .. } | Doing::Restoring { j, .. } | Doing::Finalizing { j, .. } => {
                *j = place(*j)
            }
        }
    }
    w.jobs = order.iter().map(|&who| w.jobs[who].clone()).collect();
    for redis in std::iter::once(&mut w.redis).chain(&mut w.replica) {
        redis.jobs = order.iter().map(|&who| redis.jobs[who]).collect();
    }
}

fn permute(bits: Bits, order: &[usize]) -> Bits {
    let places = order.iter().enumerate();
    places
        .filter(|(_, who)| has(bits, **who as u8))
        .fold(0, |all, (at, _)| all | bit(at as u8))
}
