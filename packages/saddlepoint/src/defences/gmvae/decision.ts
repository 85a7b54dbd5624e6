/** Classify, and reject what lies too far from its class. Ghosh, Losalka, Black 2019, section 4. */
import {
  argMax,
  constant,
  gather,
  greater,
  maximum,
  or,
  sqrt,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { FittedDetector } from '../../detectors/detector.ts'
import { constants, type Parameters, type TracedParameters } from '../../training/parameters.ts'
import { squaredError, type GmVae } from './gmvae.ts'

/** The largest values of a sample that is let through, for each class, float32 [K]. */
export interface GmVaeThresholds {
  /** Of the code's distance from the mean, in standard deviations of a class: the encoder threshold. */
  readonly latentDistance: NDArray
  /** Of the squared reconstruction error: the decoder threshold. */
  readonly reconstructionError: NDArray
}

export interface Readings {
  /** Class of the nearest mean, int64 [N]. */
  readonly label: Tensor
  /** Distance of the code from that mean, [N]. */
  readonly latentDistance: Tensor
  /** Squared distance of the sample from what the decoder makes of its code, [N]. */
  readonly reconstructionError: Tensor
}

export function read(vae: GmVae, parameters: TracedParameters, x: Tensor): Readings {
  const logits = vae.logits(parameters, x)
  return {
    label: argMax(logits, 1),
    latentDistance: sqrt(logits.max(1).mul(-2)),
    reconstructionError: squaredError(x, vae.decode(parameters, vae.encode(parameters, x))),
  }
}

/** One threshold for each label, [N]. */
export const ofClass = (thresholds: NDArray, label: Tensor): Tensor => gather(constant(thresholds), label)

/** Readings, and whether either threshold is passed, bool [N]. */
export function decide(
  vae: GmVae,
  parameters: TracedParameters,
  thresholds: GmVaeThresholds,
  x: Tensor,
): Readings & { readonly reject: Tensor } {
  const readings = read(vae, parameters, x)
  const { label, latentDistance, reconstructionError } = readings
  const far = greater(latentDistance, ofClass(thresholds.latentDistance, label))
  const unlike = greater(reconstructionError, ofClass(thresholds.reconstructionError, label))
  return { ...readings, reject: or(far, unlike) }
}

/**
 * The same rejection as one score: the larger of the two readings, each in its threshold's units. What scores above 1 is rejected.
 * An attack that is given it knows both thresholds.
 */
export function gmVaeDetector(
  vae: GmVae,
  parameters: Parameters,
  thresholds: GmVaeThresholds,
): FittedDetector {
  return {
    name: 'gm-vae',
    options: {},
    score(x) {
      const { label, latentDistance, reconstructionError } = read(vae, constants(parameters), x)
      return maximum(
        latentDistance.div(ofClass(thresholds.latentDistance, label)),
        reconstructionError.div(ofClass(thresholds.reconstructionError, label)),
      )
    },
  }
}
