//! What a captured decoder might try, done inside the real sandbox: for tests and for the doctor.

use std::hint::black_box;
use std::io::{self, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;

use clap::ValueEnum;
use media::{ExtractedImage, RangeRead, Stretch};
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use super::child::{RemoteSource, hand_over};
use super::protocol::{Answer, READ_BYTES, send};

/// Of the video that is pretended to be there.
pub const VIDEO_BYTES: u64 = READ_BYTES as u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub enum Misdeed {
    ReadFile,
    WriteFile,
    ListFolder,
    OpenSocket,
    StartProcess,
    StartThread,
    SignalAgent,
    RaiseLimit,
    /// One block, as a lying header would ask for.
    Allocate,
    /// Page by page.
    Hoard,
    Loop,
    Sleep,
    WriteForever,
    WriteErrorsForever,
    ReadForever,
    HintForever,
    TalkNonsense,
    Announce,
    Crash,
}

impl Misdeed {
    /// Those that are over at once, whatever comes of them.
    pub const QUICK: [Misdeed; 9] = [
        Misdeed::ReadFile,
        Misdeed::WriteFile,
        Misdeed::ListFolder,
        Misdeed::OpenSocket,
        Misdeed::StartProcess,
        Misdeed::StartThread,
        Misdeed::SignalAgent,
        Misdeed::RaiseLimit,
        Misdeed::Allocate,
    ];

    pub fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    pub fn commit(self, out: &mut impl Write) -> io::Result<Answer> {
        let done = match self {
            Misdeed::ReadFile => std::fs::read("/etc/hostname").map(drop),
            Misdeed::WriteFile => {
                let path = "/tmp/framefleet-escaped";
                std::fs::write(path, "x").and_then(|()| std::fs::remove_file(path))
            }
            Misdeed::ListFolder => std::fs::read_dir("/").map(drop),
            Misdeed::OpenSocket => any([
                TcpStream::connect("127.0.0.1:1").map(drop),
                UdpSocket::bind("127.0.0.1:0").map(drop),
                UnixStream::pair().map(drop),
                UnixDatagram::unbound().map(drop),
            ]),
            Misdeed::StartProcess => Command::new("/bin/true").spawn().map(drop),
            Misdeed::StartThread => std::thread::Builder::new().spawn(|| ()).map(drop),
            Misdeed::SignalAgent => signal_agent(),
            Misdeed::RaiseLimit => raise_limit(),
            Misdeed::Allocate => Vec::<u8>::new()
                .try_reserve_exact(64 << 30)
                .map_err(io::Error::other),
            Misdeed::Hoard => hoard(),
            Misdeed::Loop => loop {
                black_box(0);
            },
            // The filter knows no sleep, but waiting for nobody is one.
            Misdeed::Sleep => loop {
                std::thread::park();
            },
            Misdeed::WriteForever => loop {
                hand_over(out, image(vec![7; 1 << 20]))?;
            },
            Misdeed::WriteErrorsForever => loop {
                io::stderr().write_all(&[b'x'; 4096])?;
            },
            Misdeed::ReadForever => {
                let mut source = RemoteSource { len: VIDEO_BYTES };
                let mut buffer = vec![0; READ_BYTES];
                loop {
                    source.read_at(0, &mut buffer)?;
                }
            }
            Misdeed::HintForever => {
                let mut source = RemoteSource { len: VIDEO_BYTES };
                let offset = 0;
                loop {
                    source.expect(&[Stretch { offset, length: 1 }]);
                }
            }
            Misdeed::TalkNonsense => {
                out.write_all(b"\x04\0\0\0nono")?;
                out.flush()
            }
            Misdeed::Announce => {
                let image = image(Vec::new());
                let bytes = u64::MAX;
                send(out, &Answer::Image { image, bytes })
            }
            Misdeed::Crash => std::process::abort(),
        };
        Ok(match done {
            Ok(()) => Answer::Succeeded,
            Err(error) => Answer::Refused {
                how: error.to_string(),
            },
        })
    }
}

/// Succeeds where any one does.
fn any(tried: impl IntoIterator<Item = io::Result<()>>) -> io::Result<()> {
    let mut last = Ok(());
    for one in tried {
        match one {
            // Refused by the other side: the call itself was let through.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(()),
            Ok(()) => return Ok(()),
            Err(error) => last = Err(error),
        }
    }
    last
}

fn signal_agent() -> io::Result<()> {
    let agent = rustix::process::getppid().ok_or_else(|| io::Error::other("no parent is seen"))?;
    Ok(rustix::process::kill_process(
        agent,
        rustix::process::Signal::CONT,
    )?)
}

fn raise_limit() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let wide = Rlimit {
        current: Some(1024),
        maximum: Some(1024),
    };
    Ok(setrlimit(Resource::Nofile, wide)?)
}

fn hoard() -> io::Result<()> {
    let mut all = Vec::new();
    for _ in 0..1024 {
        all.push(black_box(vec![1_u8; 64 << 20]));
    }
    drop(all);
    Ok(())
}

fn image(data: Vec<u8>) -> ExtractedImage {
    ExtractedImage {
        index: 0,
        requested: None,
        pts: 0,
        time: Ratio::from_integer(0),
        keyframe: true,
        width: 1,
        height: 1,
        data,
        frame_md5: None,
    }
}
