/** Pictures made with a classifier: seeds of each class, and targeted ascent from them. */
export { classSeeds, type ClassSeeds } from './class-seeds.ts'
export { synthesise, type Synthesis, type SynthesisOptions } from './synthesise.ts'
