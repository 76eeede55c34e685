//! One decoder process from start to end, as the agent sees it: serves its reads, takes its
//! answers, and outlives it whatever it does.

use std::io::{self, BufReader, PipeReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::thread;

use fleet_core::{DecoderLimit, DecoderLimits};
use media::{ExtractedImage, MediaError, RangeRead};
use rustix::process::Pid;

use super::confine::InForce;
use super::protocol::{self, Answer, Job, READ_BYTES, READ_FAILED, Range};
use super::watch::{Watch, Why};
use super::{Error, ending};

/// Room for images between the decoder and us, so that neither waits for the other's turn.
const PIPE_BYTES: usize = 1024 * 1024;
/// A hint makes the agent fetch no less than this.
const HINT_BYTES: u64 = crate::blocks::BLOCK;
/// Of standard error, what is kept for the log.
const WORDS_BYTES: u64 = 4 * 1024;

pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);
pub type OnImage<'a> = &'a mut dyn FnMut(ExtractedImage) -> Result<(), Refusal>;

/// Why an image was not taken.
pub enum Refusal {
    Nonsense,
    Failed(io::Error),
}

/// A running decoder process. Dropping it ends it.
#[derive(Debug)]
pub struct Decoder {
    child: Child,
    socket: UnixStream,
    answers: PipeReader,
    words: PipeReader,
    /// Known from its first job on.
    in_force: Option<InForce>,
    /// Jobs it has done.
    pub jobs: u32,
}

impl Decoder {
    /// Nothing of ours goes along: no environment, no descriptor but three.
    ///
    /// The calling thread must live as long as decoders do: they die with it.
    pub fn start(program: &Path, limits: &DecoderLimits) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        let (answers, out) = io::pipe()?;
        let (words, err) = io::pipe()?;
        // A smaller pipe works too; the kernel limits how many large ones a user may have.
        let _ = rustix::pipe::fcntl_setpipe_size(&answers, PIPE_BYTES);
        let child = Command::new(program)
            .arg("decode")
            .arg(limits.memory_bytes.to_string())
            .arg(limits.cpu_seconds.to_string())
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(out)
            .stderr(err)
            .spawn()?;
        Ok(Self {
            child,
            socket,
            answers,
            words,
            in_force: None,
            jobs: 0,
        })
    }

    pub fn in_force(&self) -> Option<&InForce> {
        self.in_force.as_ref()
    }

    /// Whether it still waits for a job.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets `decoder` do one job. It comes back with its last answer if it may be given another one.
pub fn run(
    mut decoder: Decoder,
    limits: &DecoderLimits,
    job: &Job,
    source: Box<dyn RangeRead>,
    stop: Stop,
    on_image: OnImage,
) -> Result<(Answer, Decoder), Error> {
    let watch = Watch::new(Pid::from_child(&decoder.child), limits, job.video_bytes());
    let unread = Mutex::new(None);
    let (socket, answers) = (&decoder.socket, &decoder.answers);
    let mut in_force = decoder.in_force.take();
    let heard = thread::scope(|scope| {
        scope.spawn(|| watch.guard(stop));
        let reads = scope.spawn(|| serve(socket, job, source, &watch, &unread));
        let heard = listen(answers, limits, &watch, &mut in_force, on_image);
        match &heard {
            Ok(_) => watch.answered(),
            Err(_) => {
                watch.end(None);
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
        let farewell = reads.join().unwrap_or(false);
        watch.over();
        heard.and_then(|answer| farewell.then_some(answer).ok_or(Heard::Silence))
    });
    decoder.in_force = in_force;
    let unread = unread.into_inner().unwrap_or_else(|e| e.into_inner());
    match (heard, watch.why(), unread) {
        (Err(Heard::Sink(error)), ..) => Err(Error::Media(MediaError::Sink(error))),
        (_, Some(Why::Interrupted), _) => Err(Error::Interrupted),
        (_, None, Some(error)) => Err(Error::Media(MediaError::Source(error))),
        (Ok(answer), None, None) => {
            decoder.jobs += 1;
            Ok((answer, decoder))
        }
        (_, why, _) => {
            // It is dead or dying: both its ends are closed, or it was killed.
            watch.end(None);
            let status = decoder.child.wait().map_err(Error::Start)?;
            let words = last_words(&decoder.words);
            tracing::warn!(?why, %status, words, "a decoder ended without an answer");
            Err(Error::Lost(ending::failure(why, status, &words, limits)))
        }
    }
}

enum Heard {
    Sink(io::Error),
    /// The pipe ended, or there was nonsense in it; the watch knows which.
    Silence,
}

fn listen(
    answers: &PipeReader,
    limits: &DecoderLimits,
    watch: &Watch,
    in_force: &mut Option<InForce>,
    on_image: OnImage,
) -> Result<Answer, Heard> {
    let mut answers = BufReader::with_capacity(64 * 1024, answers);
    let nonsense = || {
        watch.end(Some(Why::Nonsense));
        Heard::Silence
    };
    if in_force.is_none() {
        let Answer::Confined(said) = next(&mut answers, watch)? else {
            return Err(nonsense());
        };
        *in_force = Some(said);
    }
    let mut output = 0_u64;
    loop {
        let (mut image, bytes) = match next(&mut answers, watch)? {
            Answer::Image { image, bytes } => (image, bytes),
            answer if answers.buffer().is_empty() => return Ok(answer),
            _ => return Err(nonsense()),
        };
        output = output.saturating_add(bytes);
        for (used, most, limit) in [
            (bytes, limits.image_bytes, DecoderLimit::Image),
            (output, limits.output_bytes, DecoderLimit::Output),
        ] {
            if used > most {
                watch.end(Some(Why::Limit(limit)));
                return Err(Heard::Silence);
            }
        }
        image.data = protocol::bytes(&mut answers, bytes).map_err(|_| Heard::Silence)?;
        let _busy = watch.busy();
        match on_image(image) {
            Ok(()) => {}
            Err(Refusal::Failed(error)) => return Err(Heard::Sink(error)),
            Err(Refusal::Nonsense) => return Err(nonsense()),
        }
    }
}

fn next(answers: &mut impl Read, watch: &Watch) -> Result<Answer, Heard> {
    protocol::receive(answers).map_err(|error| {
        // An early end is the decoder's death; anything else is its doing.
        if error.kind() != io::ErrorKind::UnexpectedEof {
            watch.end(Some(Why::Nonsense));
        }
        Heard::Silence
    })
}

/// Gives the decoder its job, and then bytes of the video; whether it said when it had enough.
fn serve(
    mut socket: &UnixStream,
    job: &Job,
    mut source: Box<dyn RangeRead>,
    watch: &Watch,
    unread: &Mutex<Option<io::Error>>,
) -> bool {
    let mut buffer = Vec::new();
    let mut serve = || -> io::Result<()> {
        protocol::send(&mut socket, job)?;
        loop {
            let mut asked = [0; Range::BYTES];
            socket.read_exact(&mut asked)?;
            let range = Range::from_bytes(asked);
            if range == Range::END {
                return Ok(());
            }
            if let Some(stretch) = range.hinted() {
                // It costs what a read costs.
                watch.count_read(u64::from(stretch.length).max(HINT_BYTES))?;
                source.expect(&[stretch]);
                continue;
            }
            let _busy = watch.busy();
            buffer.resize((range.length as usize).min(READ_BYTES), 0);
            let count = match source.read_at(range.offset, &mut buffer) {
                Ok(count) => count,
                Err(error) => {
                    *unread.lock().unwrap_or_else(|e| e.into_inner()) = Some(error);
                    socket.write_all(&READ_FAILED.to_le_bytes())?;
                    continue;
                }
            };
            watch.count_read(count as u64)?;
            socket.write_all(&u32::try_from(count).unwrap_or(0).to_le_bytes())?;
            socket.write_all(&buffer[..count])?;
        }
    };
    // It ends with the decoder, or ends the decoder; `listen` sees either.
    serve().is_ok()
}

fn last_words(words: &PipeReader) -> String {
    let mut said = Vec::new();
    // The decoder is gone, so this does not wait.
    let _ = words.take(WORDS_BYTES).read_to_end(&mut said);
    super::check::words(&String::from_utf8_lossy(&said))
}
