/** Broken defences, each with its two figures. */
export { zooField, type ZooField, type ZooOptions } from './field.ts'
export { projecting, projectionOf } from './purification.ts'
export { measureZoo, zooFamilies, type MeasureZooOptions } from './zoo.ts'
