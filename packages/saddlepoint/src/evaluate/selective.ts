/** Figures of a classifier that may reject, clean and under attack. Ghosh, Losalka, Black 2019, section 5. */
import type { CleanSample } from './clean.ts'
import type { AttackedSample } from './options.ts'

/** Shares of all samples. */
export interface SelectiveFigures {
  readonly samples: number
  /** Right and accepted, wrong and accepted, rejected: the three add up to 1. */
  readonly accuracy: number
  readonly error: number
  readonly rejection: number
  /** The same where nothing is rejected: the two add up to 1. */
  readonly accuracyWithoutThresholds: number
  readonly errorWithoutThresholds: number
}

/** What a model makes of one sample. */
interface Verdict {
  readonly wrong: boolean
  readonly rejected: boolean
}

/**
 * @param found class of each sample, and whether it is rejected
 */
export function selective(
  found: { readonly label: ArrayLike<number | bigint>; readonly reject: ArrayLike<unknown> },
  labels: ArrayLike<number | bigint>,
): SelectiveFigures {
  return figures(
    Array.from(labels, (label, i) => [
      { wrong: Number(found.label[i]) !== Number(label), rejected: Boolean(found.reject[i]) },
    ]),
  )
}

/** Of the clean samples. */
export const selectiveClean = (clean: readonly CleanSample[]): SelectiveFigures =>
  figures(clean.map((sample) => [verdictOn(sample)]))

/**
 * Of what attacks made of the samples, the worst of each: an error if any attack ends at one that is accepted, else a rejection if any
 * ends at one. A sample that an attack was not run on is as it was.
 *
 * @param attacks what each of them made of the samples, by index
 */
export const selectiveUnder = (
  attacks: readonly ReadonlyMap<number, AttackedSample>[],
  clean: readonly CleanSample[],
): SelectiveFigures =>
  figures(
    clean.map((sample, i) =>
      attacks.map((rows) => {
        const row = rows.get(i)
        return row ? verdictOn({ ...row, label: sample.label }) : verdictOn(sample)
      }),
    ),
  )

const verdictOn = ({
  label,
  predicted,
  rejected = false,
}: Pick<CleanSample, 'label' | 'predicted' | 'rejected'>): Verdict => ({
  wrong: label !== predicted,
  rejected,
})

/** @param verdicts on each sample, of which the worst counts */
function figures(verdicts: readonly (readonly Verdict[])[]): SelectiveFigures {
  const share = (holds: (v: readonly Verdict[]) => boolean) =>
    verdicts.length ? verdicts.filter(holds).length / verdicts.length : 0
  const fails = (v: readonly Verdict[]) => v.some(({ wrong, rejected }) => wrong && !rejected)
  const rejects = (v: readonly Verdict[]) => v.some(({ rejected }) => rejected)
  const errs = (v: readonly Verdict[]) => v.some(({ wrong }) => wrong)
  return {
    samples: verdicts.length,
    accuracy: share((v) => !fails(v) && !rejects(v)),
    error: share(fails),
    rejection: share((v) => !fails(v) && rejects(v)),
    accuracyWithoutThresholds: share((v) => !errs(v)),
    errorWithoutThresholds: share(errs),
  }
}
