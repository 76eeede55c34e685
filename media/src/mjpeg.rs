//! Does a Motion JPEG picture bring all that it is decoded with? Some have no tables of their own and go
//! by those of an earlier one, or by the standard's. Pure.

/// It has quantisation and Huffman tables before its first scan.
pub fn stands_alone(data: &[u8]) -> bool {
    const START: [u8; 2] = [0xff, 0xd8];
    const QUANTISATION: u8 = 0xdb;
    const HUFFMAN: u8 = 0xc4;
    const SCAN: u8 = 0xda;
    let Some(mut rest) = data.strip_prefix(&START) else {
        return false;
    };
    let (mut quantisation, mut huffman) = (false, false);
    loop {
        // A marker may be preceded by any number of fill bytes, each 0xff.
        let Some((0xff, after)) = rest.split_first() else {
            return false;
        };
        let Some((marker, segment)) = after.split_first() else {
            return false;
        };
        match *marker {
            0xff => {
                rest = after;
                continue;
            }
            SCAN => return quantisation && huffman,
            QUANTISATION => quantisation = true,
            HUFFMAN => huffman = true,
            _ => {}
        }
        let Some(length) = segment.first_chunk().map(|l| u16::from_be_bytes(*l)) else {
            return false;
        };
        let Some(next) = segment.get(usize::from(length)..) else {
            return false;
        };
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_with_their_own_tables_stand_alone() {
        let segment = |marker: u8| vec![0xff, marker, 0, 4, 7, 7];
        let picture = |markers: &[u8]| {
            let segments: Vec<u8> = markers.iter().flat_map(|m| segment(*m)).collect();
            [&[0xff, 0xd8][..], &segments].concat()
        };
        for (data, expected) in [
            (picture(&[0xe0, 0xdb, 0xc0, 0xc4, 0xda]), true),
            (picture(&[0xc4, 0xdb, 0xda]), true),
            // By the standard's Huffman tables, as many cameras do; by an earlier picture's.
            (picture(&[0xdb, 0xc0, 0xda]), false),
            (picture(&[0xc0, 0xda]), false),
            // Fill bytes.
            (
                [
                    &[0xff, 0xd8, 0xff, 0xff],
                    &picture(&[0xdb, 0xc4, 0xda])[2..],
                ]
                .concat(),
                true,
            ),
            // No picture, no scan, cut off.
            (picture(&[0xdb, 0xc4]), false),
            (vec![0xff, 0xd8, 0xff, 0xdb, 0, 200, 1], false),
            (vec![0xff, 0xd8, 0xff], false),
            (vec![0xff, 0xd8, 1, 2], false),
            (vec![], false),
        ] {
            assert_eq!(stands_alone(&data), expected, "{data:02x?}");
        }
    }
}
