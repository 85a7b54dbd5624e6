/** The loss around a sample: planes through it, the values and classes on them, an attack's way across, and how far all is from linear. */
export { attackPath, type AttackPathOptions } from './attack-path.ts'
export { localLinearity, type LocalLinearity, type LocalLinearityOptions } from './local-linearity.ts'
export { lossSurface, type LossSurface, type LossSurfaceOptions } from './loss-surface.ts'
export {
  gradientPlane,
  pathPlane,
  projectOnto,
  randomPlane,
  samplePlane,
  type Plane,
  type PlanePoint,
} from './plane.ts'
