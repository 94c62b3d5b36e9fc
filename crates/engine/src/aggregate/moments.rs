//! Statistics of one or two columns: variances, deviations, covariances, correlation, regression.
//!
//! Row by row with Welford's method, parts with the formulas of Chan, Golub and LeVeque, as DataFusion's accumulators do it,
//! and to the same bits. But what an accumulator knows can be taken up by an empty one exactly, so that a restored
//! aggregation goes on as if nothing had been.

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{Float64Type, UInt64Type};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::Accumulator as RowAccumulator;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::scalar::ScalarValue;

/// A row accumulator of a function that has no kernel.
pub(crate) fn row_accumulator(expr: &AggregateFunctionExpr) -> Result<Box<dyn RowAccumulator>> {
    match Statistic::of(expr.fun().name()).filter(|_| !expr.is_distinct()) {
        Some(statistic) => Ok(Box::new(Moments { statistic, known: Known::default() })),
        None => expr.create_accumulator(),
    }
}

#[derive(Clone, Copy, Debug)]
enum Statistic {
    Variance { sample: bool, root: bool },
    Covariance { sample: bool },
    Correlation,
    Regression(Line),
}

/// What is asked of the line through the points: the first column over the second.
#[derive(Clone, Copy, Debug)]
enum Line {
    Slope,
    Intercept,
    Count,
    R2,
    AvgX,
    AvgY,
    Sxx,
    Syy,
    Sxy,
}

impl Statistic {
    fn of(function: &str) -> Option<Statistic> {
        Some(match function {
            "var" => Statistic::Variance { sample: true, root: false },
            "var_pop" => Statistic::Variance { sample: false, root: false },
            "stddev" => Statistic::Variance { sample: true, root: true },
            "stddev_pop" => Statistic::Variance { sample: false, root: true },
            "covar_samp" => Statistic::Covariance { sample: true },
            "covar_pop" => Statistic::Covariance { sample: false },
            "corr" => Statistic::Correlation,
            "regr_slope" => Statistic::Regression(Line::Slope),
            "regr_intercept" => Statistic::Regression(Line::Intercept),
            "regr_count" => Statistic::Regression(Line::Count),
            "regr_r2" => Statistic::Regression(Line::R2),
            "regr_avgx" => Statistic::Regression(Line::AvgX),
            "regr_avgy" => Statistic::Regression(Line::AvgY),
            "regr_sxx" => Statistic::Regression(Line::Sxx),
            "regr_syy" => Statistic::Regression(Line::Syy),
            "regr_sxy" => Statistic::Regression(Line::Sxy),
            _ => return None,
        })
    }

    /// Which of the sums belong to the state, behind the count: means, squares, products.
    fn parts(self) -> &'static [usize] {
        match self {
            Statistic::Variance { .. } => &[0, 2],
            Statistic::Covariance { .. } => &[0, 1, 4],
            Statistic::Correlation | Statistic::Regression(_) => &[0, 1, 2, 3, 4],
        }
    }
}

/// Rows so far: how many, the mean of either column, sums of the squared distances from it, and of their products.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    rows: u64,
    mean: [f64; 2],
    squares: [f64; 2],
    products: f64,
}

#[derive(Debug)]
struct Moments {
    statistic: Statistic,
    known: Known,
}

impl Known {
    /// `lead` is the column whose distance is taken before the row counts in its mean.
    fn add(&mut self, row: [f64; 2], lead: usize) {
        self.rows += 1;
        let n = self.rows as f64;
        let before = [row[0] - self.mean[0], row[1] - self.mean[1]];
        for (i, distance) in before.iter().enumerate() {
            self.mean[i] += distance / n;
            self.squares[i] += distance * (row[i] - self.mean[i]);
        }
        self.products += before[lead] * (row[1 - lead] - self.mean[1 - lead]);
    }

    fn merge(&mut self, other: Known) {
        if other.rows == 0 {
            return;
        }
        if self.rows == 0 {
            *self = other;
            return;
        }
        let (own, others) = (self.rows as f64, other.rows as f64);
        self.rows += other.rows;
        let all = self.rows as f64;
        let apart = [self.mean[0] - other.mean[0], self.mean[1] - other.mean[1]];
        for (i, distance) in apart.iter().enumerate() {
            self.mean[i] = self.mean[i] * own / all + other.mean[i] * others / all;
            self.squares[i] = self.squares[i] + other.squares[i] + distance * distance * own * others / all;
        }
        self.products = self.products + other.products + apart[0] * apart[1] * own * others / all;
    }

    /// A sum of distances over the rows; of one row alone a population has 0, and a sample nothing.
    fn average(&self, sum: f64, sample: bool) -> Option<f64> {
        match (self.rows, sample) {
            (0, _) | (1, true) => None,
            (1, false) => Some(0.0),
            (_, sample) => Some(sum / (self.rows - u64::from(sample)) as f64),
        }
    }

    fn correlation(&self) -> Option<f64> {
        if self.mean.iter().all(|mean| mean.is_nan()) {
            return Some(f64::NAN);
        }
        if self.mean.iter().any(|mean| mean.is_nan()) || self.rows < 2 {
            return None;
        }
        let [first, second] = self.squares.map(|sum| self.average(sum, false).map(f64::sqrt));
        let (first, second) = first.zip(second).filter(|(first, second)| *first != 0.0 && *second != 0.0)?;
        self.average(self.products, false).map(|covariance| covariance / first / second)
    }

    fn line(&self, asked: Line) -> Option<f64> {
        let n = self.rows as f64;
        // The first column is the dependent one.
        let ([y, x], [yy, xx]) = (self.mean, self.squares);
        let (covariance, variance_x, variance_y) = (self.products / n, xx / n, yy / n);
        let slope = (self.rows > 1 && variance_x != 0.0).then(|| covariance / variance_x);
        let some = |value: f64| (self.rows > 0).then_some(value);
        match asked {
            Line::Slope => slope,
            Line::Intercept => slope.map(|slope| y - slope * x),
            Line::R2 => {
                slope.filter(|_| variance_y != 0.0).map(|_| (covariance * covariance) / (variance_x * variance_y))
            }
            Line::AvgX => some(x),
            Line::AvgY => some(y),
            Line::Sxx => some(xx),
            Line::Syy => some(yy),
            Line::Sxy => some(self.products),
            Line::Count => some(n),
        }
    }

    fn sums(&mut self) -> [&mut f64; 5] {
        let Known { mean: [a, b], squares: [aa, bb], products, .. } = self;
        [a, b, aa, bb, products]
    }
}

fn wrong_type() -> DataFusionError {
    DataFusionError::Internal("statistics are of floats".to_owned())
}

impl RowAccumulator for Moments {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let columns: Option<Vec<_>> = values.iter().map(|c| c.as_primitive_opt::<Float64Type>()).collect();
        let columns = columns.ok_or_else(wrong_type)?;
        let lead = usize::from(matches!(self.statistic, Statistic::Regression(_)));
        match columns.as_slice() {
            [only] => only.iter().flatten().for_each(|value| self.known.add([value, 0.0], lead)),
            [first, second, ..] => {
                for (first, second) in first.iter().zip(second.iter()).filter_map(|(a, b)| a.zip(b)) {
                    self.known.add([first, second], lead);
                }
            }
            [] => return Err(wrong_type()),
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (rows, sums) = states.split_first().ok_or_else(wrong_type)?;
        let rows = rows.as_primitive_opt::<UInt64Type>().ok_or_else(wrong_type)?;
        let sums: Option<Vec<_>> = sums.iter().map(|c| c.as_primitive_opt::<Float64Type>()).collect();
        let sums = sums.ok_or_else(wrong_type)?;
        for row in 0..rows.len() {
            let mut other = Known { rows: rows.value(row), ..Known::default() };
            let places = other.sums();
            for (part, column) in self.statistic.parts().iter().zip(&sums) {
                *places[*part] = column.value(row);
            }
            self.known.merge(other);
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let rows = ScalarValue::from(self.known.rows);
        let parts = self.statistic.parts();
        let sums = self.known.sums();
        Ok(std::iter::once(rows).chain(parts.iter().map(|part| ScalarValue::from(*sums[*part]))).collect())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let known = &self.known;
        Ok(ScalarValue::Float64(match self.statistic {
            Statistic::Regression(Line::Count) => return Ok(ScalarValue::from(known.rows)),
            Statistic::Regression(asked) => known.line(asked),
            Statistic::Correlation => known.correlation(),
            Statistic::Covariance { sample } => known.average(known.products, sample),
            Statistic::Variance { sample, root } => {
                let variance = known.average(known.squares[0], sample);
                if root { variance.map(f64::sqrt) } else { variance }
            }
        }))
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }
}
