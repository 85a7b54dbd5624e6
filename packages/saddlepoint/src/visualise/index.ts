/** Feature visualisation. */
export { fourier, pixel } from './adam-ways.ts'
export { ball } from './ball.ts'
export {
  channel,
  classObjective,
  direction,
  feature,
  neuron,
  type Objective as VisualObjective,
} from './objective.ts'
export { objectiveForms, parseObjective, parseWay, ways } from './registry.ts'
export { visualise, type Visualisation, type VisualiseOptions } from './visualise.ts'
export { VisualiseError, way, type Way, type WayDefinition, type WayFactory } from './way.ts'
