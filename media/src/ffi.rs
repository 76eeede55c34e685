//! Everything `unsafe`: what ffmpeg-next's safe API lacks, and (`jpeg`) libjpeg-turbo's compressor.
//!
//! Each function is as small as its safety argument. Decisions live elsewhere.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::Once;

use ffmpeg_next::ffi::*;
use ffmpeg_next::format::context::{Input, StreamIo};
use ffmpeg_next::packet::Ref;
use ffmpeg_next::{Error, Packet, codec, frame, software};

pub use jpeg::JpegEncoder;

mod jpeg;

/// The largest single block FFmpeg may allocate; headers cannot talk it into more.
const MAX_ALLOC: usize = 1 << 30;

thread_local! {
    static ERRORS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what FFmpeg calls an error. Decoders run on the caller's thread, so the count is its own.
unsafe extern "C" fn count_error(_: *mut c_void, level: c_int, _: *const c_char, _: *mut c_void) {
    if level <= AV_LOG_ERROR {
        ERRORS.with(|errors| errors.set(errors.get() + 1));
    }
}

/// Errors that FFmpeg has logged on this thread since the last call. Nothing is ever printed.
pub fn take_errors() -> u64 {
    ERRORS.with(|errors| errors.replace(0))
}

pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        ffmpeg_next::util::error::register_all();
        // SAFETY: sets variables inside libavutil. The last argument of a log callback is a va_list,
        // which both x86-64 and AArch64 pass as one pointer; ours never looks at it.
        unsafe {
            av_max_alloc(MAX_ALLOC);
            let callback = count_error as *const c_void;
            av_log_set_callback(std::mem::transmute::<*const c_void, Option<_>>(callback));
        }
    });
}

/// Makes the C library read the time zone now. It does so once, at the first date that a container
/// gives, when a sandbox may not let it open files any more.
pub fn read_time_zone() {
    // SAFETY: every field of a `tm` may be zero, and mktime only reads and normalises it.
    unsafe {
        let mut epoch: tm = std::mem::zeroed();
        mktime(&mut epoch);
    }
}

/// The release of FFmpeg that is linked.
pub fn version() -> String {
    // SAFETY: a static string.
    let text = unsafe { CStr::from_ptr(av_version_info()) };
    text.to_string_lossy().into_owned()
}

/// The demuxer FFmpeg would choose by content alone, and its score out of 100.
pub fn detect(head: &[u8]) -> Option<(String, i32)> {
    let mut padded = head.to_vec();
    padded.resize(head.len() + AVPROBE_PADDING_SIZE as usize, 0);
    let data = AVProbeData {
        filename: c"".as_ptr(),
        buf: padded.as_mut_ptr(),
        buf_size: head.len() as c_int,
        mime_type: ptr::null(),
    };
    let mut score = 0;
    // SAFETY: `data` points into `padded`, which outlives the call and has the padding FFmpeg asks
    // for; the returned format is static.
    unsafe {
        let format = av_probe_input_format3(&data, 1, &mut score);
        if format.is_null() {
            return None;
        }
        let name = CStr::from_ptr((*format).name).to_string_lossy();
        Some((name.into_owned(), score))
    }
}

/// What FFmpeg calls when a demuxer wants another file or address: nothing is ever opened.
unsafe extern "C" fn refuse_open(
    _: *mut AVFormatContext,
    _: *mut *mut AVIOContext,
    _: *const c_char,
    _: c_int,
    _: *mut *mut AVDictionary,
) -> c_int {
    AVERROR(EPERM)
}

/// Opens `io` with the demuxer `format` and no other, without looking at any packet.
pub fn open(mut io: StreamIo, format: &str, options: &[(&str, &str)]) -> Result<Input, Error> {
    let name = CString::new(format).map_err(|_| Error::DemuxerNotFound)?;
    let options = options.iter().collect::<ffmpeg_next::Dictionary>();
    // SAFETY: `context` is fresh and owned here until it is wrapped; on failure avformat_open_input
    // frees it but not the custom `pb`, which `io` still owns and drops. The options dictionary is
    // handed over and taken back once.
    unsafe {
        let demuxer = av_find_input_format(name.as_ptr());
        if demuxer.is_null() {
            return Err(Error::DemuxerNotFound);
        }
        let mut context = avformat_alloc_context();
        if context.is_null() {
            return Err(Error::Other { errno: ENOMEM });
        }
        (*context).pb = io.as_mut_ptr();
        (*context).flags |= AVFMT_FLAG_CUSTOM_IO;
        (*context).io_open = Some(refuse_open);
        let mut dictionary = options.disown();
        let result = avformat_open_input(
            &mut context,
            ptr::null(),
            demuxer.cast_mut().cast(),
            &mut dictionary,
        );
        drop(ffmpeg_next::Dictionary::own(dictionary));
        match result {
            0 => Ok(Input::wrap_with_custom_io(context, io)),
            e => Err(Error::from(e)),
        }
    }
}

/// Reads some packets to learn what the header did not say.
pub fn find_stream_info(input: &mut Input, max_pixels: u64) -> Result<(), Error> {
    let mut options: Vec<*mut AVDictionary> = (0..input.nb_streams())
        .map(|_| {
            let mut one = ffmpeg_next::Dictionary::new();
            one.set("max_pixels", &max_pixels.to_string());
            one.set("threads", "1");
            // SAFETY: ownership moves into `options` and is taken back below.
            unsafe { one.disown() }
        })
        .collect();
    // SAFETY: one dictionary a stream, as FFmpeg asks; it may replace them, so what is there
    // afterwards is freed.
    unsafe {
        let result = avformat_find_stream_info(input.as_mut_ptr(), options.as_mut_ptr());
        for dictionary in options {
            drop(ffmpeg_next::Dictionary::own(dictionary));
        }
        if result < 0 {
            return Err(Error::from(result));
        }
    }
    Ok(())
}

/// What the container says about a stream's pictures.
#[derive(Debug, Clone, Copy)]
pub struct PictureFacts {
    pub width: u32,
    pub height: u32,
    pub codec_tag: u32,
    pub sample_aspect_ratio: (i32, i32),
}

pub fn picture_facts(input: &Input, stream: usize) -> PictureFacts {
    assert!(stream < input.nb_streams() as usize);
    // SAFETY: the index was checked, and a stream always has codec parameters.
    unsafe {
        let stream = *(*input.as_ptr()).streams.add(stream);
        let parameters = &*(*stream).codecpar;
        let sar = if (*stream).sample_aspect_ratio.num > 0 {
            (*stream).sample_aspect_ratio
        } else {
            parameters.sample_aspect_ratio
        };
        PictureFacts {
            width: parameters.width.max(0) as u32,
            height: parameters.height.max(0) as u32,
            codec_tag: parameters.codec_tag,
            sample_aspect_ratio: (sar.num, sar.den),
        }
    }
}

/// How many frames a decoder holds back to put them in order, as far as the header or
/// `find_stream_info` told.
pub fn reorder(input: &Input, stream: usize) -> u32 {
    assert!(stream < input.nb_streams() as usize);
    // SAFETY: the index was checked, and a stream always has codec parameters.
    let delay = unsafe { (*(**(*input.as_ptr()).streams.add(stream)).codecpar).video_delay };
    delay.max(0) as u32
}

/// The decoder's set-up data as the container stores it (avcC, hvcC, …).
pub fn extradata(input: &Input, stream: usize) -> Vec<u8> {
    assert!(stream < input.nb_streams() as usize);
    // SAFETY: the index was checked; extradata_size bytes are readable where extradata is not null.
    unsafe {
        let parameters = &*(**(*input.as_ptr()).streams.add(stream)).codecpar;
        if parameters.extradata.is_null() || parameters.extradata_size <= 0 {
            return Vec::new();
        }
        std::slice::from_raw_parts(parameters.extradata, parameters.extradata_size as usize)
            .to_vec()
    }
}

/// Packets of all other streams are not read at all where the container allows that.
pub fn keep_only(input: &mut Input, keep: usize) {
    let count = input.nb_streams() as usize;
    // SAFETY: every index is below nb_streams.
    unsafe {
        for index in (0..count).filter(|&index| index != keep) {
            (**(*input.as_mut_ptr()).streams.add(index)).discard = AVDiscard::AVDISCARD_ALL;
        }
    }
}

/// Seeks to the last entry point at or before `timestamp`, in the stream's time base.
pub fn seek(input: &mut Input, stream: usize, timestamp: i64) -> Result<(), Error> {
    seek_with(input, stream, timestamp, AVSEEK_FLAG_BACKWARD)
}

/// The same, to any packet: for looking at packets, not for decoding.
pub fn seek_any(input: &mut Input, stream: usize, timestamp: i64) -> Result<(), Error> {
    let flags = AVSEEK_FLAG_BACKWARD | AVSEEK_FLAG_ANY;
    seek_with(input, stream, timestamp, flags)
}

/// Goes on reading at a byte of the file.
pub fn seek_byte(input: &mut Input, position: u64) -> Result<(), Error> {
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    seek_with(input, 0, position, AVSEEK_FLAG_BYTE)
}

fn seek_with(input: &mut Input, stream: usize, to: i64, flags: c_int) -> Result<(), Error> {
    // SAFETY: the context is open; FFmpeg checks the stream index itself.
    let result = unsafe { av_seek_frame(input.as_mut_ptr(), stream as c_int, to, flags) };
    if result < 0 {
        return Err(Error::from(result));
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    pub position: i64,
    pub timestamp: i64,
    pub size: u32,
    pub keyframe: bool,
    pub discard: bool,
}

/// The container's own index of a stream, as far as it has been read.
pub fn index(input: &mut Input, stream: usize) -> Vec<IndexEntry> {
    assert!(stream < input.nb_streams() as usize);
    // SAFETY: the index was checked; entries are copied before the context is touched again.
    unsafe {
        let stream = *(*input.as_mut_ptr()).streams.add(stream);
        (0..avformat_index_get_entries_count(stream))
            .map_while(|i| avformat_index_get_entry(stream, i).as_ref())
            .map(|e| IndexEntry {
                position: e.pos,
                timestamp: e.timestamp,
                size: e.size().max(0) as u32,
                keyframe: e.flags() & AVINDEX_KEYFRAME != 0,
                discard: e.flags() & AVINDEX_DISCARD_FRAME != 0,
            })
            .collect()
    }
}

/// FFmpeg's parser of H.264 and HEVC packets: in which order their pictures are to be shown.
pub struct PictureOrder {
    context: codec::Context,
    parser: *mut AVCodecParserContext,
}

/// What a packet's own bits say of its picture.
pub struct Place {
    /// The picture order count, which begins anew at an IDR picture.
    pub order: i32,
    /// It is half a picture, or two coded one after the other.
    pub field: bool,
}

impl PictureOrder {
    /// None: there is no parser for this codec.
    pub fn new(input: &Input, stream: usize) -> Option<Self> {
        let parameters = input.stream(stream)?.parameters();
        let id: AVCodecID = parameters.id().into();
        let context = codec::Context::from_parameters(parameters).ok()?;
        // SAFETY: any codec id may be asked for; the answer is null or a parser that is this value's own,
        // and Drop closes it. Packets hold whole pictures.
        let parser = unsafe {
            let parser = av_parser_init(id as c_int);
            if let Some(parser) = parser.as_mut() {
                parser.flags |= PARSER_FLAG_COMPLETE_FRAMES;
            }
            parser
        };
        (!parser.is_null()).then_some(Self { context, parser })
    }

    /// None: the parser complained.
    pub fn of(&mut self, packet: &Packet) -> Option<Place> {
        // What it says is not about a decoded picture, and so is nobody's else complaint.
        let before = take_errors();
        use AVPictureStructure::{
            AV_PICTURE_STRUCTURE_BOTTOM_FIELD as BOTTOM_FIELD,
            AV_PICTURE_STRUCTURE_TOP_FIELD as TOP_FIELD,
        };
        let (mut out, mut size) = (ptr::null_mut(), 0);
        // SAFETY: parser and context live as long as this value and are used by nobody else; a packet's
        // data is followed by the padding that parsers want; the output points into the packet and is
        // not looked at.
        let (order, structure) = unsafe {
            let raw = packet.as_ptr();
            av_parser_parse2(
                self.parser,
                self.context.as_mut_ptr(),
                &mut out,
                &mut size,
                (*raw).data,
                (*raw).size,
                (*raw).pts,
                (*raw).dts,
                (*raw).pos,
            );
            let parser = &*self.parser;
            (parser.output_picture_number, parser.picture_structure)
        };
        let complaints = take_errors();
        ERRORS.with(|errors| errors.set(before));
        let field = matches!(structure, TOP_FIELD | BOTTOM_FIELD);
        (complaints == 0).then_some(Place { order, field })
    }
}

impl Drop for PictureOrder {
    fn drop(&mut self) {
        // SAFETY: it was made by av_parser_init, is not null, and is closed once.
        unsafe { av_parser_close(self.parser) }
    }
}

/// Whether the container hides the packet's frame, as edit lists do.
pub fn is_hidden(packet: &Packet) -> bool {
    // SAFETY: reads one field of a live packet.
    unsafe { (*packet.as_ptr()).flags & AV_PKT_FLAG_DISCARD != 0 }
}

/// No codec allows more.
const MAX_REORDER: u32 = 16;

/// One thread, one picture size limit, and what was found out before: set before the decoder is opened.
pub fn bound_decoder(context: &mut codec::Context, max_pixels: u64, reorder: Option<u32>) {
    // SAFETY: plain fields of a context that is not open yet.
    unsafe {
        let context = &mut *context.as_mut_ptr();
        context.max_pixels = max_pixels.min(i32::MAX as u64) as i64;
        context.thread_count = 1;
        if let Some(reorder) = reorder {
            context.has_b_frames = reorder.min(MAX_REORDER) as c_int;
        }
    }
}

/// The planes of a picture one after the other, without padding.
pub fn packed_planes(frame: &frame::Video) -> Vec<u8> {
    let format: AVPixelFormat = frame.format().into();
    let (width, height) = (frame.width() as c_int, frame.height() as c_int);
    // SAFETY: the buffer has the size FFmpeg computes for exactly this picture.
    unsafe {
        let size = av_image_get_buffer_size(format, width, height, 1);
        let mut bytes = vec![0; size.max(0) as usize];
        let picture = &*frame.as_ptr();
        let written = av_image_copy_to_buffer(
            bytes.as_mut_ptr(),
            size,
            picture.data.as_ptr().cast(),
            picture.linesize.as_ptr(),
            format,
            width,
            height,
            1,
        );
        bytes.truncate(written.max(0) as usize);
        bytes
    }
}

/// Which colour matrix and range a scaler reads and writes. `matrix` is one of SWS_CS_*.
pub fn set_colors(scaler: &mut software::scaling::Context, from: (c_int, bool), to: (c_int, bool)) {
    // SAFETY: coefficient tables are static; the other arguments are plain numbers.
    unsafe {
        sws_setColorspaceDetails(
            scaler.as_mut_ptr(),
            sws_getCoefficients(from.0),
            from.1 as c_int,
            sws_getCoefficients(to.0),
            to.1 as c_int,
            0,
            1 << 16,
            1 << 16,
        );
    }
}

const _: () = assert!(size_of::<*mut c_void>() >= 8, "files are larger than 4 GiB");
