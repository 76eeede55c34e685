//! The decoder process: shuts itself in, takes jobs for one video, and ends with the socket.
//!
//! Absent on purpose: logging, threads, an async runtime, every AWS client. It holds nothing worth
//! stealing, and everything it says is checked by the agent.

use std::io::{self, BufWriter, Read, Write};
use std::os::fd::BorrowedFd;
use std::process::ExitCode;

use media::{ExtractedImage, MediaError, RangeRead, Stretch};

use super::confine::confine;
use super::protocol::{Answer, Job, READ_BYTES, READ_FAILED, Range, receive, send};

/// The entry of `fleet-agent decode`. What goes wrong here is told on standard error, in one line.
pub fn run(memory_bytes: u64, cpu_seconds: u64) -> ExitCode {
    media::prepare_for_sandbox();
    let confined = confine(memory_bytes, cpu_seconds);
    let mut out = BufWriter::with_capacity(64 * 1024, Descriptor(rustix::stdio::stdout()));
    let served = confined
        .map_err(io::Error::other)
        .and_then(|in_force| send(&mut out, &Answer::Confined(in_force)))
        .and_then(|()| serve(&mut out));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(out: &mut impl Write) -> io::Result<()> {
    loop {
        let job = match receive::<Job>(&mut socket()) {
            Ok(job) => job,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let answer = work(job, out)?;
        send(out, &answer)?;
        socket().write_all(&Range::END.to_bytes())?;
    }
}

fn work(job: Job, out: &mut impl Write) -> io::Result<Answer> {
    let result = match job {
        Job::Describe => Ok(Answer::Nothing),
        Job::Misbehave(misdeed) => return misdeed.commit(out),
        Job::Probe {
            video_bytes,
            limits,
        } => media::probe(Box::new(RemoteSource { len: video_bytes }), &limits)
            .map(|probe| Answer::Probed(Box::new(probe))),
        Job::Extract {
            video_bytes,
            plan,
            segment,
            image,
        } => {
            let source = Box::new(RemoteSource { len: video_bytes });
            let mut sink = |image| hand_over(out, image);
            media::extract(source, &plan, segment, &image, &mut sink).map(Answer::Extracted)
        }
    };
    match result {
        Ok(answer) => Ok(answer),
        Err(MediaError::Reject { reason, detail }) => Ok(Answer::Rejected {
            reason: reason.as_str().to_owned(),
            detail,
        }),
        Err(MediaError::EntryPoint { detail }) => Ok(Answer::EntryPoint { detail }),
        Err(MediaError::Unsupported { what }) => Ok(Answer::Unsupported { what }),
        Err(MediaError::Source(_)) => Ok(Answer::SourceFailed),
        // The agent went away, or wants no more.
        Err(MediaError::Sink(error)) => Err(error),
    }
}

pub fn hand_over(out: &mut impl Write, mut image: ExtractedImage) -> io::Result<()> {
    let data = std::mem::take(&mut image.data);
    let bytes = data.len() as u64;
    send(out, &Answer::Image { image, bytes })?;
    out.write_all(&data)?;
    out.flush()
}

/// The video, as the agent reads it for us.
pub struct RemoteSource {
    pub len: u64,
}

impl RangeRead for RemoteSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let length = buf.len().min(READ_BYTES);
        let range = Range {
            offset,
            length: u32::try_from(length).expect("READ_BYTES is small"),
        };
        let mut socket = socket();
        socket.write_all(&range.to_bytes())?;
        let mut count = [0; 4];
        socket.read_exact(&mut count)?;
        let count = u32::from_le_bytes(count);
        if count == READ_FAILED {
            return Err(io::Error::other("the agent could not read the video"));
        }
        let count = count as usize;
        if count > length {
            return Err(io::ErrorKind::InvalidData.into());
        }
        socket.read_exact(&mut buf[..count])?;
        Ok(count)
    }

    fn expect(&mut self, stretches: &[Stretch]) {
        for range in stretches.iter().flat_map(|stretch| Range::hints(*stretch)) {
            // Where this fails, the next read says why.
            let _ = socket().write_all(&range.to_bytes());
        }
    }
}

/// Standard input is a socket, and used both ways.
fn socket() -> Descriptor {
    Descriptor(rustix::stdio::stdin())
}

/// Plain reads and writes: std's own streams would buffer, and make other calls than these two.
struct Descriptor(BorrowedFd<'static>);

impl Read for Descriptor {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(self.0, buf)?)
    }
}

impl Write for Descriptor {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self.0, buf)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
