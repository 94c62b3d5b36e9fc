//! What earlier records looked like, so that keys need not be looked up.

/// Remembered places of an object, keys of a place, and bytes before a value: hostile records must not fill the memory.
const PLACES_MAX: usize = 256;
const KEYS_MAX: usize = 4;
const LEAD_BYTES_MAX: usize = 128;

/// Keys of an object as earlier records had them, place by place, so that the next record needs no look-up: it is compared
/// with what is expected there, white space and all.
#[derive(Debug, Default)]
pub(super) struct Shape {
    places: Vec<Place>,
    /// For the values of members that are not remembered.
    spare: Option<Box<Shape>>,
}

/// What stood at a place of the object: mostly always the same, so that one lies here and the others elsewhere.
#[derive(Debug)]
struct Place {
    first: Member,
    others: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    /// What stands between the value before and this one: `,"key":`, with the white space that the writer puts there.
    lead: Lead,
    child: Option<usize>,
    /// The shape of the value, when it is a ROW.
    inner: Shape,
}

impl Shape {
    /// The member at `place` with whose lead the text starts: its index, the lead's length, and the child that it stands for.
    #[inline(always)]
    pub(super) fn find(&self, place: usize, text: &[u8]) -> Option<(usize, usize, Option<usize>)> {
        let (index, member) = self.places.get(place)?.find(text)?;
        Some((index, member.lead.bytes.len(), member.child))
    }

    /// The shape of the value of a member; of one that is not remembered, any.
    #[inline(always)]
    pub(super) fn inner(&mut self, place: usize, index: Option<usize>) -> &mut Shape {
        let member = index.and_then(|index| self.places.get_mut(place)?.get_mut(index));
        match member {
            Some(member) => &mut member.inner,
            None => self.spare.get_or_insert_default(),
        }
    }

    /// Remembers what stood before a value at `place` if there is room; its index.
    pub(super) fn learn(&mut self, place: usize, lead: &[u8], child: Option<usize>) -> Option<usize> {
        if lead.len() > LEAD_BYTES_MAX || place > self.places.len() || place >= PLACES_MAX {
            return None;
        }
        let member = Member { lead: Lead::new(lead), child, inner: Shape::default() };
        Some(match self.places.get_mut(place) {
            Some(known) => known.add(member),
            None => {
                self.places.push(Place { first: member, others: Vec::new() });
                0
            }
        })
    }
}

impl Place {
    /// The member with whose lead the text starts, and its index.
    #[inline(always)]
    fn find(&self, text: &[u8]) -> Option<(usize, &Member)> {
        if self.first.lead.begins(text) {
            return Some((0, &self.first));
        }
        (1..).zip(&self.others).find(|(_, member)| member.lead.begins(text))
    }

    #[inline(always)]
    fn get_mut(&mut self, index: usize) -> Option<&mut Member> {
        match index.checked_sub(1) {
            None => Some(&mut self.first),
            Some(other) => self.others.get_mut(other),
        }
    }

    /// The last one makes room: what odd records left behind must not keep the usual keys out.
    fn add(&mut self, member: Member) -> usize {
        self.others.truncate(KEYS_MAX - 2);
        self.others.push(member);
        self.others.len()
    }
}

/// Some bytes, the first sixteen of which are compared at once.
#[derive(Debug)]
struct Lead {
    start: u128,
    mask: u128,
    bytes: Vec<u8>,
}

impl Lead {
    fn new(bytes: &[u8]) -> Lead {
        let mut first = [0; 16];
        first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let mask = u128::MAX.checked_shr(128 - 8 * bytes.len().min(16) as u32).unwrap_or(0);
        Lead { start: u128::from_le_bytes(first), mask, bytes: bytes.to_vec() }
    }

    /// True when `text` starts with the bytes.
    #[inline(always)]
    fn begins(&self, text: &[u8]) -> bool {
        match text.split_first_chunk::<16>() {
            Some((first, rest)) => {
                (u128::from_le_bytes(*first) ^ self.start) & self.mask == 0
                    && self.bytes.get(16..).is_none_or(|more| rest.starts_with(more))
            }
            None => text.starts_with(&self.bytes),
        }
    }
}
