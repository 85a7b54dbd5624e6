/** The perturbation set that a generator's files make. */
import type { Command } from 'commander'
import { latentOf, perturbations, type Perturbation } from 'saddlepoint'
import { UsageError } from '../errors.ts'
import { openModel } from './open.ts'

export interface GeneratorFlags {
  decoder?: string
  encoder?: string
}

/** All sets by name; the last is made of the files of a generator. */
export const setNames = [...Object.keys(perturbations), 'latent']

export const generatorFlags = (command: Command): Command =>
  command
    .option('--decoder <file>', 'for --norm latent: ONNX file from latent vectors to samples')
    .option('--encoder <file>', 'for --norm latent: ONNX file from samples to latent vectors')

/** @throws UsageError for a generator that no set asks for */
export function checkGenerator({ decoder, encoder }: GeneratorFlags, asked: boolean): void {
  if (!asked && (decoder ?? encoder) !== undefined)
    throw new UsageError('--decoder and --encoder are for the latent set', { hint: 'add --norm latent' })
}

/** @throws UsageError if a file is not given */
export async function latentSet({ decoder, encoder }: GeneratorFlags): Promise<Perturbation> {
  if (!decoder || !encoder)
    throw new UsageError('the latent set needs a generator', {
      hint: 'add --decoder decoder.onnx --encoder encoder.onnx',
    })
  const [decode, encode] = await Promise.all([decoder, encoder].map((file) => openModel(file, {})))
  return latentOf({ decode: decode!, encode: encode! })
}
