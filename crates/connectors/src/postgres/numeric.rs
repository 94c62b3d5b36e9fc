//! `numeric` in its binary form: `groups i16 | weight i16 | sign u16 | scale u16 | group i16 …`, each group four decimal
//! digits, the first of them worth 10000^weight.

const NEGATIVE: u16 = 0x4000;

/// Writes `value / 10^scale`.
pub(super) fn write(value: i128, scale: u8, out: &mut Vec<u8>) {
    let magnitude = value.unsigned_abs();
    let unit = 10_u128.pow(u32::from(scale.min(38)));
    let (mut whole, fraction) = (magnitude / unit, magnitude % unit);
    let mut groups: Vec<i16> = Vec::with_capacity(20);
    while whole > 0 {
        groups.push((whole % 10_000) as i16);
        whole /= 10_000;
    }
    groups.reverse();
    let weight = groups.len() as i16 - 1;
    let mut left = u32::from(scale);
    while left > 0 {
        // The last group may have fewer than four digits of its own.
        let taken = left.min(4);
        left -= taken;
        let group = (fraction / 10_u128.pow(left)) % 10_u128.pow(taken);
        groups.push((group * 10_u128.pow(4 - taken)) as i16);
    }
    out.extend_from_slice(&(groups.len() as i16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&(if value < 0 { NEGATIVE } else { 0 }).to_be_bytes());
    out.extend_from_slice(&u16::from(scale).to_be_bytes());
    for group in groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// Reads a value as `result / 10^scale`. `None` for what is no finite number or too large; digits behind the scale are cut
/// off.
pub(super) fn read(bytes: &[u8], scale: u8) -> Option<i128> {
    let mut words = bytes.chunks_exact(2).map(|c| i16::from_be_bytes([c[0], c[1]]));
    let count = words.next()?;
    let weight = words.next()?;
    let sign = words.next()? as u16;
    let _scale = words.next()?;
    if sign != 0 && sign != NEGATIVE {
        return None;
    }
    let mut total: i128 = 0;
    for (index, group) in (0..i32::from(count)).zip(words) {
        let power = 4 * (i32::from(weight) - index) + i32::from(scale);
        let group = i128::from(group);
        let part = match u32::try_from(power) {
            Ok(power) => group.checked_mul(10_i128.checked_pow(power)?)?,
            Err(_) => group / 10_i128.checked_pow(power.unsigned_abs()).unwrap_or(i128::MAX),
        };
        total = total.checked_add(part)?;
    }
    Some(if sign == NEGATIVE { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let largest = 10_i128.pow(38) - 1;
        for scale in [0, 1, 2, 3, 4, 5, 9, 36, 37, 38] {
            for value in [0, 1, -1, 9, 10, 9_999, 10_000, -123_456_789, largest, -largest, largest / 7] {
                let mut bytes = vec![];
                write(value, scale, &mut bytes);
                assert_eq!(read(&bytes, scale), Some(value), "{value} at {scale}");
            }
        }
    }

    #[test]
    fn what_is_no_finite_number_is_none() {
        for sign in [0xC000_u16, 0xD000, 0xF000] {
            let bytes = [[0, 0], [0, 0], sign.to_be_bytes(), [0, 0]].concat();
            assert_eq!(read(&bytes, 2), None);
        }
    }
}
