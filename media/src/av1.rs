//! What an AV1 packet (a temporal unit) says of its frames, as far as it can be known without decoding:
//! section 5 of the AV1 specification, from OBU headers to `refresh_frame_flags`. Pure.
//!
//! The crates that parse AV1 were looked at: they assert on bits that a damaged file may have set.

const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

const KEY_FRAME: u32 = 0;
const INTRA_ONLY_FRAME: u32 = 2;
const SWITCH_FRAME: u32 = 3;

/// `seq_force_screen_content_tools` and `seq_force_integer_mv`: each frame says it.
const SELECT: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub key: bool,
    pub shown: bool,
    /// No later frame can refer to it. False also where that cannot be told.
    pub unreferenced: bool,
}

/// A packet's frames in decode order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// It carries a sequence header.
    pub sequence: bool,
    pub frames: Vec<Frame>,
}

impl Unit {
    /// Everything shown from here on decodes exactly: a shown key frame replaces all references.
    pub fn is_entry(&self) -> bool {
        let first = self.frames.first();
        self.sequence && first.is_some_and(|frame| frame.key && frame.shown)
    }

    /// It only shows a picture, and nobody else needs it.
    pub fn is_unreferenced(&self) -> bool {
        !self.sequence && matches!(self.frames.as_slice(), [one] if one.shown && one.unreferenced)
    }
}

/// Reads packets in decode order: what a frame header holds depends on the last sequence header.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    sequence: Option<Sequence>,
}

/// What frame headers are laid out by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sequence {
    reduced: bool,
    /// None: there is more in a header than is read here (several operating points, a decoder model).
    layout: Option<Layout>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    /// Bits of a frame's id; 0: frames have none.
    id_bits: u32,
    screen_content_tools: u32,
    integer_mv: u32,
    order_hint_bits: u32,
}

impl Reader {
    /// None: the packet is no AV1, is damaged, or is of several spatial layers.
    pub fn read(&mut self, data: &[u8]) -> Option<Unit> {
        let mut unit = Unit {
            sequence: false,
            frames: Vec::new(),
        };
        let mut rest = data;
        while !rest.is_empty() {
            let (kind, payload) = obu(&mut rest)?;
            match kind {
                SEQUENCE_HEADER => {
                    self.sequence = sequence(payload);
                    self.sequence?;
                    unit.sequence = true;
                }
                FRAME | FRAME_HEADER => unit.frames.push(self.frame(payload)?),
                _ => {}
            }
        }
        Some(unit)
    }

    fn frame(&self, payload: &[u8]) -> Option<Frame> {
        if self.sequence.is_some_and(|s| s.reduced) {
            return Some(Frame {
                key: true,
                shown: true,
                unreferenced: false,
            });
        }
        let mut bits = Bits::new(payload);
        let again = bits.flag()?;
        if again {
            return Some(Frame {
                key: false,
                shown: true,
                unreferenced: false,
            });
        }
        let kind = bits.take(2)?;
        let shown = bits.flag()?;
        let layout = self.sequence.and_then(|sequence| sequence.layout);
        let refreshed = layout.and_then(|layout| refreshed(bits, kind, shown, layout));
        Some(Frame {
            key: kind == KEY_FRAME,
            shown,
            unreferenced: refreshed == Some(0),
        })
    }
}

/// `refresh_frame_flags`: the reference slots that a frame replaces. From `show_frame` on.
fn refreshed(mut bits: Bits, kind: u32, shown: bool, layout: Layout) -> Option<u32> {
    if kind == SWITCH_FRAME || (kind == KEY_FRAME && shown) {
        return Some(0xff);
    }
    if !shown {
        let _showable_frame = bits.flag()?;
    }
    let error_resilient = bits.flag()?;
    let _disable_cdf_update = bits.flag()?;
    let screen_content_tools = match layout.screen_content_tools {
        SELECT => bits.take(1)?,
        said => said,
    };
    if screen_content_tools != 0 && layout.integer_mv == SELECT {
        let _force_integer_mv = bits.flag()?;
    }
    bits.take(layout.id_bits)?;
    let _frame_size_override = bits.flag()?;
    bits.take(layout.order_hint_bits)?;
    let intra = kind == KEY_FRAME || kind == INTRA_ONLY_FRAME;
    if !intra && !error_resilient {
        let _primary_ref_frame = bits.take(3)?;
    }
    bits.take(8)
}

fn sequence(payload: &[u8]) -> Option<Sequence> {
    let mut bits = Bits::new(payload);
    let _profile = bits.take(3)?;
    let _still_picture = bits.flag()?;
    let reduced = bits.flag()?;
    let layout = match reduced {
        true => None,
        false => layout(bits)?,
    };
    Some(Sequence { reduced, layout })
}

/// From `timing_info_present_flag` on. Some(None): the header is of a kind that is not read here.
fn layout(mut bits: Bits) -> Option<Option<Layout>> {
    if bits.flag()? {
        bits.take(32)?;
        bits.take(32)?;
        let equal_picture_interval = bits.flag()?;
        if equal_picture_interval {
            bits.exp_golomb()?;
        }
        let decoder_model = bits.flag()?;
        if decoder_model {
            return Some(None);
        }
    }
    let display_delay = bits.flag()?;
    let more_points = bits.take(5)?;
    if more_points > 0 {
        return Some(None);
    }
    let _idc = bits.take(12)?;
    let level = bits.take(5)?;
    if level > 7 {
        let _tier = bits.flag()?;
    }
    if display_delay && bits.flag()? {
        bits.take(4)?;
    }
    let [width_bits, height_bits] = [bits.take(4)? + 1, bits.take(4)? + 1];
    bits.take(width_bits)?;
    bits.take(height_bits)?;
    let mut id_bits = 0;
    if bits.flag()? {
        let delta = bits.take(4)? + 2;
        id_bits = delta + bits.take(3)? + 1;
    }
    // Superblocks of 128, filter intra, intra edge filter; then four tools for inter prediction.
    bits.take(3 + 4)?;
    let order_hint = bits.flag()?;
    if order_hint {
        bits.take(2)?;
    }
    let screen_content_tools = match bits.flag()? {
        true => SELECT,
        false => bits.take(1)?,
    };
    let integer_mv = match screen_content_tools {
        0 => SELECT,
        _ if bits.flag()? => SELECT,
        _ => bits.take(1)?,
    };
    let order_hint_bits = match order_hint {
        true => bits.take(3)? + 1,
        false => 0,
    };
    Some(Some(Layout {
        id_bits,
        screen_content_tools,
        integer_mv,
        order_hint_bits,
    }))
}

/// Takes the first OBU off `rest`: its kind and its payload.
fn obu<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let header = take_byte(rest)?;
    let (kind, has_extension, has_size) = ((header >> 3) & 15, header & 4 != 0, header & 2 != 0);
    if has_extension {
        let spatial_layer = take_byte(rest)? >> 3 & 3;
        if spatial_layer > 0 {
            return None;
        }
    }
    // Only a packet's last OBU may leave its size out.
    let size = match has_size {
        true => leb128(rest)?,
        false => rest.len(),
    };
    let (payload, after) = rest.split_at_checked(size)?;
    *rest = after;
    Some((kind, payload))
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn leb128(rest: &mut &[u8]) -> Option<usize> {
    let mut value = 0u64;
    for i in 0..8 {
        let byte = take_byte(rest)?;
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

/// Most significant bit first.
#[derive(Clone, Copy)]
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.data.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.take(1)? == 1)
    }

    fn exp_golomb(&mut self) -> Option<()> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        // From 32 zeros on there is nothing behind them.
        if zeros < 32 {
            self.take(zeros)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sequence headers of SVT-AV1 and of libaom (screen content tools told by each frame).
    const SVT: [u8; 11] = [0, 0, 0, 4, 0x3c, 0xfe, 0xcc, 0xfb, 0xf9, 2, 0x40];
    const AOM: [u8; 11] = [0, 0, 0, 4, 0x3c, 0xfe, 0xcc, 0xda, 0xf9, 0xc0, 0xc0];
    /// The beginnings of frames of theirs; FFmpeg's `trace_headers` says what they are.
    const KEY: [u8; 6] = [0x10, 0, 0x85, 0x20, 0x80, 0x41];
    const HIDDEN: [u8; 6] = [0x28, 0x10, 0, 0x24, 0x92, 0x49];
    const REFERRED: [u8; 6] = [0x30, 3, 0x20, 9, 0x25, 0xb6];
    const LEAF: [u8; 6] = [0x30, 6, 0, 0x1b, 0x6d, 0x6d];
    const AOM_REFERRED: [u8; 6] = [0x32, 1, 0xe4, 0, 0x10, 0x8c];
    const AGAIN: [u8; 1] = [0xe8];

    fn unit(obus: &[(u8, &[u8])]) -> Vec<u8> {
        let mut out = vec![0x12, 0];
        for (kind, payload) in obus {
            out.extend([kind << 3 | 2, payload.len() as u8]);
            out.extend_from_slice(payload);
        }
        out
    }

    fn frame(key: bool, shown: bool, unreferenced: bool) -> Frame {
        Frame {
            key,
            shown,
            unreferenced,
        }
    }

    #[test]
    fn frames_are_told_by_their_headers() {
        let mut reader = Reader::default();
        let mut read = |obus: &[(u8, &[u8])]| reader.read(&unit(obus)).unwrap();
        let first = read(&[(1, &SVT), (6, &KEY)]);
        assert_eq!(first.frames, [frame(true, true, false)]);
        assert!(first.is_entry());
        let several = read(&[(6, &HIDDEN), (6, &REFERRED)]);
        let expected = [frame(false, false, false), frame(false, true, false)];
        assert_eq!(several.frames, expected);
        assert!(!several.is_entry() && !several.is_unreferenced());
        assert!(!read(&[(3, &AGAIN)]).is_unreferenced());
        assert!(read(&[(6, &LEAF)]).is_unreferenced());
        assert!(!read(&[(6, &REFERRED)]).is_unreferenced());
        // What shows it hides a picture that others need, or brings a new sequence.
        assert!(!read(&[(6, &HIDDEN), (6, &LEAF)]).is_unreferenced());
        assert!(!read(&[(1, &SVT), (6, &LEAF)]).is_unreferenced());
        read(&[(1, &AOM)]);
        assert!(!read(&[(6, &AOM_REFERRED)]).is_unreferenced());
    }

    #[test]
    fn without_its_sequence_header_a_frame_may_be_referred_to() {
        let mut reader = Reader::default();
        let mut is_unreferenced = |obus: &[(u8, &[u8])]| {
            let read = reader.read(&unit(obus));
            read.map(|unit| unit.is_unreferenced())
        };
        assert_eq!(is_unreferenced(&[(6, &LEAF)]), Some(false));
        assert_eq!(is_unreferenced(&[(1, &SVT), (6, &KEY)]), Some(false));
        assert_eq!(is_unreferenced(&[(6, &LEAF)]), Some(true));
        // A broken one takes the place of the one before.
        assert_eq!(is_unreferenced(&[(1, &SVT[..4])]), None);
        assert_eq!(is_unreferenced(&[(6, &LEAF)]), Some(false));
        // Two operating points: what each frame says of them is not read.
        let mut layered = SVT;
        layered[1] = 0x10;
        is_unreferenced(&[(1, &layered)]);
        assert_eq!(is_unreferenced(&[(6, &LEAF)]), Some(false));
    }

    #[test]
    fn only_a_shown_key_frame_with_its_sequence_is_an_entry() {
        for (obus, expected) in [
            (&[(1, &SVT[..]), (6, &KEY[..])][..], true),
            (&[(1, &SVT), (3, &KEY)], true),
            (&[(6, &KEY)], false),
            (&[(1, &SVT)], false),
            (&[(1, &SVT), (6, &REFERRED)], false),
            // Hidden: pictures before it may be shown after it.
            (&[(1, &SVT), (6, &[0x00])], false),
            (&[(1, &SVT), (6, &HIDDEN), (6, &KEY)], false),
        ] {
            let read = Reader::default().read(&unit(obus));
            assert_eq!(read.unwrap().is_entry(), expected, "{obus:02x?}");
        }
    }

    #[test]
    fn sizes_may_be_left_out_once_and_never_lie() {
        let mut reader = Reader::default();
        let mut whole = unit(&[(1, &SVT)]);
        whole.push(6 << 3);
        whole.extend_from_slice(&KEY);
        assert!(reader.read(&whole).unwrap().is_entry());
        for broken in [
            &[0x32, 9, 0x10][..],
            &[0x32],
            &[0x32, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
            &[0x36, 0, 0],
            &[0x32, 0],
            // A spatial layer above the first.
            &[0x36, 8, 1, 0x10],
        ] {
            assert_eq!(reader.read(broken), None, "{broken:02x?}");
        }
        assert_eq!(reader.read(&[]).unwrap().frames, []);
    }

    /// Whatever the bits, there is an answer.
    #[test]
    fn damaged_headers_are_survived() {
        let whole = unit(&[(1, &AOM), (6, &KEY), (6, &LEAF), (3, &AGAIN)]);
        let mut answers = 0;
        for at in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            let mut reader = Reader::default();
            answers += u32::from(reader.read(&damaged).is_some());
            for end in 0..damaged.len() {
                reader.read(&damaged[..end]);
            }
        }
        assert!(answers > 0);
    }
}
