//! Does a Motion JPEG picture bring all that it is decoded with? Some have no tables of their own and go
//! by those of an earlier one, or by the standard's. Pure.

/// How a picture begins.
pub const START: [u8; 2] = [0xff, 0xd8];
const QUANTISATION: u8 = 0xdb;
const HUFFMAN: u8 = 0xc4;
const SCAN: u8 = 0xda;

/// Each table that its frame and its first scan name is in it, before that scan.
pub fn stands_alone(data: &[u8]) -> bool {
    judge(data).unwrap_or(false)
}

fn judge(data: &[u8]) -> Option<bool> {
    let mut rest = data.strip_prefix(&START)?;
    // By number: quantisation; Huffman for DC and for AC.
    let (mut quantisation, mut huffman) = (0u16, [0u16; 2]);
    let mut named = 0u16;
    loop {
        // A marker may be preceded by any number of fill bytes, each 0xff.
        let (0xff, after) = rest.split_first()? else {
            return None;
        };
        let (marker, segment) = after.split_first()?;
        if *marker == 0xff {
            rest = after;
            continue;
        }
        let length = usize::from(u16::from_be_bytes(*segment.first_chunk()?));
        let body = segment.get(2..length)?;
        rest = &segment[length..];
        match *marker {
            QUANTISATION => quantisation |= quantisation_tables(body)?,
            HUFFMAN => {
                let found = huffman_tables(body)?;
                huffman[0] |= found[0];
                huffman[1] |= found[1];
            }
            // Precision, height, width, how many components; of each its id, sampling, table.
            0xc0..=0xc2 => {
                let components = body.get(6..)?.chunks_exact(3);
                named = components.fold(0, |all, c| all | bit(c[2]));
            }
            SCAN => {
                // How many components; of each its id, and its DC and AC tables.
                let count = usize::from(*body.first()?);
                let components = body.get(1..1 + 2 * count)?.chunks_exact(2);
                let (dc, ac) =
                    components.fold((0, 0), |(dc, ac), c| (dc | bit(c[1] >> 4), ac | bit(c[1])));
                let missing = named & !quantisation | dc & !huffman[0] | ac & !huffman[1];
                return Some(named != 0 && dc != 0 && missing == 0);
            }
            _ => {}
        }
    }
}

fn bit(number: u8) -> u16 {
    1 << (number & 15)
}

/// Each begins with its precision (8 or 16 bits) and number, and has 64 values.
fn quantisation_tables(mut body: &[u8]) -> Option<u16> {
    let mut found = 0;
    while let Some((head, after)) = body.split_first() {
        found |= bit(*head);
        body = after.get(if head >> 4 == 0 { 64 } else { 128 }..)?;
    }
    Some(found)
}

/// Each begins with its class and number, and 16 counts of the values that follow.
fn huffman_tables(mut body: &[u8]) -> Option<[u16; 2]> {
    let mut found = [0; 2];
    while let Some((head, after)) = body.split_first() {
        found[usize::from(head >> 4 & 1)] |= bit(*head);
        let (counts, after) = after.split_first_chunk::<16>()?;
        let values = counts.iter().map(|n| usize::from(*n)).sum::<usize>();
        body = after.get(values..)?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker], &length[..], body].concat()
    }

    fn quantisation(number: u8) -> Vec<u8> {
        segment(QUANTISATION, &[&[number][..], &[1; 64]].concat())
    }

    fn huffman(class_and_number: u8) -> Vec<u8> {
        let mut body = [0; 17];
        (body[0], body[1]) = (class_and_number, 2);
        segment(HUFFMAN, &[&body[..], &[7, 8]].concat())
    }

    #[test]
    fn only_pictures_with_their_own_tables_stand_alone() {
        // Two components, of quantisation 0 and 1, DC 0 and 1, AC 0 and 1.
        let frame = segment(0xc0, &[8, 0, 16, 0, 16, 2, 1, 0x11, 0, 2, 0x11, 1]);
        let scan = segment(SCAN, &[2, 1, 0x00, 2, 0x11, 0, 63, 0]);
        let tables = || {
            let four = [0x00, 0x01, 0x10, 0x11].map(huffman);
            [&[quantisation(0), quantisation(1)][..], &four].concat()
        };
        let picture =
            |tables: &[Vec<u8>]| [&START[..], &tables.concat(), &frame, &scan, &[5, 6]].concat();
        let all = picture(&tables());
        assert!(stands_alone(&all));
        // Fill bytes; tables between frame and scan.
        assert!(stands_alone(
            &[&[0xff, 0xd8, 0xff, 0xff], &all[2..]].concat()
        ));
        let late = [&START[..], &frame, &tables().concat(), &scan].concat();
        assert!(stands_alone(&late));
        for missing in 0..6 {
            let mut some = tables();
            some.remove(missing);
            assert!(!stands_alone(&picture(&some)), "{missing}");
        }
        assert!(!stands_alone(&picture(&[])));
        // Cut off anywhere before the end of its scan's head.
        for length in 0..all.len() - 2 {
            assert!(!stands_alone(&all[..length]), "{length}");
        }
        assert!(!stands_alone(&[0xff, 0xd8, 1, 2]));
        assert!(!stands_alone(&[0xff, 0xd8, 0xff, 0xdb, 0, 1, 9]));
    }
}
