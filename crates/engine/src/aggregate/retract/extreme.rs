//! `MIN` and `MAX` of fixed-width types where values may be taken back: a sorted list of what is there.

use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes as t;
use arrow::datatypes::{DataType, TimeUnit};
use sloth_types::{Error, Result};

use crate::aggregate::extreme::by_type;
use crate::aggregate::packed::{pack, state_type, unpack};
use crate::aggregate::{Accumulator, Input, Target, for_each_valid};
use crate::state::sorted::Sorted;

/// A native value as an integer that sorts the same way.
trait Sortable: Copy {
    type Word: Copy + Ord;
    fn word(self) -> Self::Word;
    fn from_word(word: Self::Word) -> Self;
}

macro_rules! integer {
    ($native:ty) => {
        impl Sortable for $native {
            type Word = $native;
            fn word(self) -> $native {
                self
            }
            fn from_word(word: $native) -> $native {
                word
            }
        }
    };
}
integer!(i8);
integer!(i16);
integer!(i32);
integer!(i64);
integer!(i128);

macro_rules! float {
    ($native:ty, $word:ty, $unsigned:ty) => {
        // The total order of floats, as `total_cmp` has it; its own inverse but for the bits' reading.
        impl Sortable for $native {
            type Word = $word;
            fn word(self) -> $word {
                let bits = self.to_bits() as $word;
                bits ^ ((((bits >> (<$word>::BITS - 1)) as $unsigned) >> 1) as $word)
            }
            fn from_word(word: $word) -> $native {
                let bits = word ^ ((((word >> (<$word>::BITS - 1)) as $unsigned) >> 1) as $word);
                <$native>::from_bits(bits as $unsigned)
            }
        }
    };
}
float!(f32, i32, u32);
float!(f64, i64, u64);

/// The values of each slot, sorted.
struct SortedValues<T: ArrowPrimitiveType>
where
    T::Native: Sortable,
{
    values: Sorted<<T::Native as Sortable>::Word>,
    largest: bool,
    data_type: DataType,
    /// Changes of a batch, buffered to be sorted.
    changes: Vec<Change<<T::Native as Sortable>::Word>>,
    native: PhantomData<T>,
}

type Change<W> = ((u32, W), i64);

/// The accumulator for an argument type.
pub(super) fn extreme(data_type: &DataType, largest: bool) -> Result<Box<dyn Accumulator>> {
    macro_rules! make {
        ($type:ty) => {
            Ok(Box::new(SortedValues::<$type> {
                values: Sorted::default(),
                largest,
                data_type: data_type.clone(),
                changes: vec![],
                native: PhantomData,
            }))
        };
    }
    by_type!(data_type, make, Err(Error::internal(format!("no MIN/MAX kernel for {data_type}"))))
}

impl<T: ArrowPrimitiveType> SortedValues<T>
where
    T::Native: Sortable,
{
    /// Applies the buffered changes: equal ones at once, and near ones one after the other.
    fn apply(&mut self) {
        let mut changes = std::mem::take(&mut self.changes);
        changes.sort_unstable_by_key(|(key, _)| *key);
        let mut rest = changes.as_slice();
        while let Some((key, _)) = rest.first() {
            let equal = rest.iter().take_while(|(k, _)| k == key).count();
            let (run, behind) = rest.split_at(equal);
            let diff: i64 = run.iter().map(|(_, diff)| diff).sum();
            if diff != 0 {
                self.values.add(*key, diff, &Ord::cmp);
            }
            rest = behind;
        }
        changes.clear();
        self.changes = changes;
    }

    fn array(&self, values: impl Iterator<Item = Option<<T::Native as Sortable>::Word>>) -> ArrayRef {
        let array: PrimitiveArray<T> = values.map(|v| v.map(T::Native::from_word)).collect();
        Arc::new(array.with_data_type(self.data_type.clone()))
    }
}

impl<T: ArrowPrimitiveType> Accumulator for SortedValues<T>
where
    T::Native: Sortable,
{
    fn resize(&mut self, _: usize) {}

    fn update(&mut self, input: &Input, target: Target<'_>) -> Result<()> {
        let values = input.args[0].as_primitive::<T>().values();
        for_each_valid(input, target, |row, slot| {
            let weight = input.weights.as_ref().map_or(1, |w| w.value(row));
            self.changes.push(((slot as u32, values[row].word()), weight));
        });
        self.apply();
        Ok(())
    }

    fn merge(&mut self, states: &[ArrayRef], target: Target<'_>) -> Result<()> {
        let rows = unpack(&states[0], target);
        let values = rows.columns[0].as_primitive::<T>().values();
        let keys = rows.slots.iter().zip(values).zip(rows.weights.values());
        self.changes.extend(keys.map(|((slot, value), weight)| ((*slot, value.word()), *weight)));
        self.apply();
        Ok(())
    }

    fn state_types(&self) -> Vec<DataType> {
        vec![state_type(std::slice::from_ref(&self.data_type))]
    }

    fn state(&mut self, slots: &[u32]) -> Result<Vec<ArrayRef>> {
        let lists: Vec<Vec<_>> = slots.iter().map(|slot| self.values.entries(*slot).collect()).collect();
        let lengths: Vec<usize> = lists.iter().map(Vec::len).collect();
        let values = self.array(lists.iter().flatten().map(|(value, _)| Some(*value)));
        Ok(vec![pack(&lengths, vec![values], lists.iter().flatten().map(|(_, weight)| *weight).collect())?])
    }

    fn finish(&mut self, slots: &[u32]) -> Result<ArrayRef> {
        let edge = |slot: &u32| if self.largest { self.values.last(*slot) } else { self.values.first(*slot) };
        Ok(self.array(slots.iter().map(edge)))
    }

    fn clear(&mut self, slot: u32) {
        self.values.clear(slot);
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }
}
