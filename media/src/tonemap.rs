//! HDR pictures on SDR screens: PQ and HLG to sRGB, BT.2020 to BT.709. Pure.
//!
//! Reference white (203 nits, ITU-R BT.2408) becomes 0.75 of the SDR range; what is brighter is rolled
//! off smoothly, by the largest of the three components, so that hues stay.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transfer {
    Pq,
    Hlg,
}

const WHITE_NITS: f32 = 203.0;
const SDR_WHITE: f32 = 0.75;
/// Where highlights become pure white, relative to reference white.
const PEAK: f32 = 1000.0 / WHITE_NITS;

/// BT.2020 to BT.709 primaries, both linear.
const TO_709: [[f32; 3]; 3] = [
    [1.660_491, -0.587_641, -0.072_85],
    [-0.124_550, 1.132_9, -0.008_349],
    [-0.018_151, -0.100_579, 1.118_73],
];

pub struct ToneMap {
    /// 12-bit code to light, relative to reference white.
    light: Vec<f32>,
    /// 12-bit SDR light to an sRGB byte.
    srgb: Vec<u8>,
}

impl ToneMap {
    pub fn new(transfer: Transfer) -> Self {
        let light = (0..4096)
            .map(|v| to_light(v as f32 / 4095.0, transfer))
            .collect();
        let srgb = (0..4096)
            .map(|v| (encode_srgb(v as f32 / 4095.0) * 255.0).round() as u8)
            .collect();
        Self { light, srgb }
    }

    /// One row: three big-endian 16-bit full-range components in, three bytes out.
    pub fn row(&self, from: &[u8], to: &mut [u8]) {
        for (from, to) in from.chunks(6 * PIXELS).zip(to.chunks_mut(3 * PIXELS)) {
            self.some(from, to);
        }
    }

    /// Tables are looked up before and after, so that compilers turn what is between into vector
    /// instructions.
    fn some(&self, from: &[u8], to: &mut [u8]) {
        let mut light = [[0.0; PIXELS]; 3];
        for (x, from) in from.chunks_exact(6).enumerate() {
            for (row, code) in light.iter_mut().zip(from.chunks_exact(2)) {
                row[x] = self.light[usize::from(u16::from_be_bytes([code[0], code[1]]) >> 4)];
            }
        }
        let index = indices(&light);
        for (x, to) in to.chunks_exact_mut(3).enumerate() {
            for (to, row) in to.iter_mut().zip(&index) {
                *to = self.srgb[usize::from(row[x])];
            }
        }
    }
}

/// Pixels that are worked out together.
const PIXELS: usize = 64;

/// BT.2020 light to places in the table of sRGB bytes, at most 4095.
fn indices([red, green, blue]: &[[f32; PIXELS]; 3]) -> [[u16; PIXELS]; 3] {
    let linear = decode_srgb(SDR_WHITE);
    let mut out = [[0; PIXELS]; 3];
    for x in 0..PIXELS {
        let rgb = TO_709.map(|m| (m[0] * red[x] + m[1] * green[x] + m[2] * blue[x]).max(0.0));
        // Black stays black: nothing divided by something.
        let most = rgb[0].max(rgb[1]).max(rgb[2]).max(f32::MIN_POSITIVE);
        let scale = roll_off(most, linear) / most;
        for (row, v) in out.iter_mut().zip(rgb) {
            row[x] = ((v * scale).min(1.0) * 4095.0 + 0.5) as i32 as u16;
        }
    }
    out
}

/// Light relative to reference white, which is `linear` on the screen, to SDR light from 0 to 1. Extended
/// Reinhard on the top half.
#[inline(always)]
fn roll_off(light: f32, linear: f32) -> f32 {
    let knee = 0.5;
    // From the knee on, a curve that starts with the same slope and ends at 1 for the peak.
    let (room, span) = (1.0 - knee * linear, (PEAK - knee) * linear);
    let x = ((light - knee) * linear).max(0.0).min(span);
    let above = knee * linear + x * room / (x * (1.0 - room / span) + room);
    if light <= knee { light * linear } else { above }
}

fn to_light(v: f32, transfer: Transfer) -> f32 {
    match transfer {
        Transfer::Pq => {
            let (m1, m2) = (0.159_301_76_f32, 78.843_75);
            let (c1, c2, c3) = (0.835_937_5, 18.851_563, 18.687_5);
            let p = v.powf(1.0 / m2);
            ((p - c1).max(0.0) / (c2 - c3 * p)).powf(1.0 / m1) * 10_000.0 / WHITE_NITS
        }
        Transfer::Hlg => {
            let (a, b, c) = (0.178_832_77_f32, 0.284_668_92, 0.559_910_7);
            let scene = if v <= 0.5 {
                v * v / 3.0
            } else {
                (((v - c) / a).exp() + b) / 12.0
            };
            // The system gamma of a 1000 nit display, taken a component at a time.
            scene.powf(1.2) * 1000.0 / WHITE_NITS
        }
    }
}

fn encode_srgb(v: f32) -> f32 {
    if v <= 0.003_130_8 {
        v * 12.92
    } else {
        1.055 * v.powf(1.0 / 2.4) - 0.055
    }
}

fn decode_srgb(v: f32) -> f32 {
    if v <= 0.040_45 {
        v / 12.92
    } else {
        ((v + 0.055) / 1.055).powf(2.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(map: &ToneMap, code: u16) -> u8 {
        let bytes = code.to_be_bytes();
        let from = [bytes, bytes, bytes].concat();
        let mut to = [0; 3];
        map.row(&from, &mut to);
        assert!(
            to[0].abs_diff(to[1]) <= 1 && to[1].abs_diff(to[2]) <= 1,
            "grey stays grey: {to:?}"
        );
        to[1]
    }

    #[test]
    fn black_white_and_highlights_land_where_they_should() {
        for (transfer, white) in [(Transfer::Pq, 0.5807), (Transfer::Hlg, 0.75)] {
            let map = ToneMap::new(transfer);
            let values: Vec<u8> = (0..=16).map(|v| grey(&map, (v * 4095) as u16)).collect();
            assert!(values.is_sorted(), "{transfer:?} {values:?}");
            assert_eq!(values[0], 0);
            assert!(values[16] >= 254, "{values:?}");
            let white = grey(&map, (white * 65535.0) as u16);
            assert!(
                (165..=215).contains(&white),
                "{transfer:?}: reference white is {white}"
            );
        }
    }
}
