//! Integers, decimals, floats and booleans from bytes.

use arrow::datatypes::ArrowNativeType;

/// A whole number with an optional sign. `None` when it is none or does not fit 64 bits.
#[inline]
pub(in crate::format) fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || digits.len() > 19 {
        return parse_long_i64(negative, digits);
    }
    // 19 digits stay below 2^64.
    let mut magnitude = 0u64;
    let mut rest = digits;
    while let Some((chunk, more)) = rest.split_first_chunk::<8>() {
        magnitude = magnitude * 100_000_000 + eight_digits(u64::from_le_bytes(*chunk) ^ ZEROS)?;
        rest = more;
    }
    if !rest.is_empty() {
        magnitude = magnitude * power(rest.len()) + eight_digits(right_aligned(rest))?;
    }
    signed(negative, magnitude)
}

/// The text of the number 0, eight times.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Flags the bytes that are above 9. A carry can only flag bytes above one that is flagged rightly.
#[inline(always)]
fn above_nine(values: u64) -> u64 {
    (values.wrapping_add(0x7676_7676_7676_7676) | values) & 0x8080_8080_8080_8080
}

/// Number of digits before the first other byte.
#[inline(always)]
pub(in crate::format) fn leading_digits(text: [u8; 8]) -> usize {
    (above_nine(u64::from_le_bytes(text) ^ ZEROS).trailing_zeros() / 8) as usize
}

/// The values of up to seven digits in the upper bytes of a word, zeros below.
#[inline(always)]
fn right_aligned(digits: &[u8]) -> u64 {
    let length = digits.len();
    let at = |index: usize| u64::from(digits.get(index).copied().unwrap_or(b'0'));
    let word = match (digits.first_chunk::<4>(), digits.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (length - 4))
        }
        _ => at(0) | at(length / 2) << (8 * (length / 2)) | at(length - 1) << (8 * (length - 1)),
    };
    (word ^ ZEROS) << (8 * (8 - length))
}

/// The number whose decimal digits are the bytes of `values`, the first one lowest: neighbours are added pairwise.
#[inline(always)]
fn eight_digits(values: u64) -> Option<u64> {
    if above_nine(values) != 0 {
        return None;
    }
    let pairs = (values * 10 + (values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// The number whose digits are the last `length` of the bytes; `None` for 0 or more than 8 of them, and for other bytes.
#[inline(always)]
pub(in crate::format) fn last_digits(text: [u8; 8], length: usize) -> Option<u64> {
    let before = 8usize.checked_sub(length).filter(|before| *before < 8)?;
    eight_digits((u64::from_le_bytes(text) ^ ZEROS) >> (8 * before) << (8 * before))
}

/// The number whose digits are the first `length` of the bytes; `None` for 0 or more than 8 of them, and for other bytes.
#[inline(always)]
pub(in crate::format) fn first_digits(text: [u8; 8], length: usize) -> Option<u64> {
    let behind = 8usize.checked_sub(length).filter(|behind| *behind < 8)?;
    eight_digits((u64::from_le_bytes(text) ^ ZEROS) << (8 * behind))
}

/// 10 to the power of a number below 8.
#[inline(always)]
fn power(exponent: usize) -> u64 {
    const POWERS: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    POWERS.get(exponent).copied().unwrap_or(1)
}

/// Leading zeros may make a small number long.
#[cold]
fn parse_long_i64(negative: bool, digits: &[u8]) -> Option<i64> {
    let significant = digits.iter().position(|b| *b != b'0').and_then(|start| digits.get(start..))?;
    if significant.len() > 19 || !significant.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let magnitude = significant.iter().fold(0u64, |m, b| m.wrapping_mul(10).wrapping_add(u64::from(b - b'0')));
    signed(negative, magnitude)
}

#[inline]
fn signed(negative: bool, magnitude: u64) -> Option<i64> {
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

#[inline]
fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// A JSON number read as a whole one, as Flink does: `12.0` and `1.2e1` are 12, fractions are cut off.
pub(in crate::format) fn parse_i64_from_number(text: &[u8]) -> Option<i64> {
    parse_i64(text).or_else(|| {
        let whole = parse_f64(text)?.trunc();
        // -2^63 and 2^63 are exact as floats; everything between fits.
        let (low, high) = (i64::MIN as f64, -(i64::MIN as f64));
        (low..high).contains(&whole).then_some(whole as i64)
    })
}

/// A floating-point number as Rust and Java write it (`1`, `-1.5e3`, `NaN`, `Infinity`).
pub(in crate::format) fn parse_f64(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// As [`parse_f64`], rounded once to 32 bits.
pub(in crate::format) fn parse_f32(text: &[u8]) -> Option<f32> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// `true` or `false` in any case.
pub(in crate::format) fn parse_bool(text: &[u8]) -> Option<bool> {
    if text.eq_ignore_ascii_case(b"true") {
        Some(true)
    } else if text.eq_ignore_ascii_case(b"false") {
        Some(false)
    } else {
        None
    }
}

/// A decimal as the unscaled integer of `DECIMAL(precision, scale)`, rounded half up (away from zero) like Flink.
/// `None` when it is no number or does not fit.
#[inline]
pub(in crate::format) fn parse_decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    parse_small_decimal(text, precision, scale).or_else(|| parse_any_decimal(text, precision, scale))
}

/// The common case: up to 18 digits, no exponent, no more fraction digits than the scale.
#[inline]
fn parse_small_decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let scale = usize::try_from(scale).ok()?;
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value: u64 = 0;
    let mut whole = digits.len();
    for (index, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + u64::from(digit);
        } else if *byte == b'.' && whole == digits.len() && digits.len() > 1 {
            whole = index;
        } else {
            return None;
        }
    }
    let fraction = (digits.len() - whole).saturating_sub(1);
    let missing = scale.checked_sub(fraction)?;
    let scaled = if missing == 0 { i128::from(value) } else { i128::from(value) * power_of_ten(missing)? };
    let limit = power_of_ten(usize::from(precision))?;
    (scaled < limit).then_some(if negative { -scaled } else { scaled })
}

/// Any decimal: long ones, exponents, digits to round away.
fn parse_any_decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, rest) = split_sign(text.trim_ascii());
    let (mantissa, exponent) = match rest.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (rest.get(..at)?, parse_i64(rest.get(at + 1..)?)?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|b| *b == b'.') {
        Some(at) => (mantissa.get(..at)?, mantissa.get(at + 1..)?),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    // How many of the mantissa's digits stand before the point of the unscaled result.
    let kept = i64::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(i64::from(scale))?;
    let limit = power_of_ten(usize::from(precision))?;
    let mut value: i128 = 0;
    let mut round_up = false;
    for (index, byte) in (0i64..).zip(whole.iter().chain(fraction)) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        if index < kept {
            value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
            if value >= limit {
                return None;
            }
        } else if index == kept {
            round_up = digit >= 5;
        }
    }
    let digits = i64::try_from(whole.len() + fraction.len()).ok()?;
    if value != 0 && kept > digits {
        value = value.checked_mul(power_of_ten(usize::try_from(kept - digits).ok()?)?)?;
    }
    value = value.checked_add(i128::from(round_up))?;
    (value < limit).then_some(if negative { -value } else { value })
}

#[inline]
fn power_of_ten(exponent: usize) -> Option<i128> {
    POWERS.get(exponent).copied()
}

const POWERS: [i128; 39] = {
    let mut powers = [1i128; 39];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// Narrows a 64-bit number to a smaller native type; `None` when it does not fit.
#[inline]
pub(in crate::format) fn narrow<T: ArrowNativeType + TryFrom<i64>>(value: i64) -> Option<T> {
    T::try_from(value).ok()
}

/// Writes an unscaled decimal with its point: `-12.30`.
pub(in crate::format) fn write_decimal(out: &mut Vec<u8>, unscaled: i128, scale: i8) {
    use std::io::Write;
    let magnitude = unscaled.unsigned_abs();
    if unscaled < 0 {
        out.push(b'-');
    }
    // Writing to a Vec cannot fail.
    let _ = match u32::try_from(scale) {
        Ok(0) => write!(out, "{magnitude}"),
        Ok(scale) => {
            let unit = 10u128.saturating_pow(scale);
            write!(out, "{}.{:0width$}", magnitude / unit, magnitude % unit, width = scale as usize)
        }
        Err(_) => write!(out, "{}{:0width$}", magnitude, 0, width = usize::from(scale.unsigned_abs())),
    };
}
