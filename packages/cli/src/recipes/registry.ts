/** All recipes; one line each, and a file beside this one. */
import type { RecipeCard } from './recipe.ts'

export const recipes: readonly RecipeCard[] = [
  {
    name: 'saliency',
    title: "gradients, SmoothGrad, and a robust model's plain gradients: how legible each is",
    covers: ['A5', 'A7'],
    source: 'Smilkov et al. 2017; Tsipras et al. 2019; Etmann et al. 2019',
    data: [],
    seconds: { full: 120, fast: 5 },
    load: async () => (await import('./saliency.ts')).saliency,
  },
  {
    name: 'feature-visualisation',
    title: 'what gradient ascent on the input brings out of a standard and of a robust network',
    covers: ['A8'],
    source: 'Olah, Mordvintsev, Schubert 2017; Engstrom et al. 2019',
    data: [],
    seconds: { full: 120, fast: 10 },
    load: async () => (await import('./feature-visualisation.ts')).featureVisualisation,
  },
  {
    name: 'limited-queries',
    title: 'black-box attacks within a limit of queries, told scores or labels',
    covers: ['B9'],
    source: 'Ilyas, Engstrom, Athalye, Lin 2018; Andriushchenko et al. 2020; Chen & Gu 2020',
    data: [],
    seconds: { full: 900, fast: 20 },
    load: async () => (await import('./limited-queries.ts')).limitedQueries,
  },
  {
    name: 'axes-tour',
    title:
      'the same pictures attacked from every axis: loss, optimiser, perturbation, gradient, start, success',
    covers: ['D1', 'D2', 'D3'],
    source: 'the papers that `saddle attacks` names',
    data: [],
    seconds: { full: 600, fast: 60 },
    load: async () => (await import('./axes-tour.ts')).axesTour,
  },
  {
    name: 'confident-fgsm',
    title:
      'what FGSM makes of pictures, mistaken or confidently mistaken, with their most likely classes before and after',
    covers: ['B1', 'B2'],
    source: 'Goodfellow, Shlens, Szegedy 2015; Langr & Bok 2019, GANs in Action, chapter 10',
    data: [],
    seconds: { full: 60, fast: 3 },
    load: async () => (await import('./confident-fgsm.ts')).confidentFgsm,
  },
  {
    name: 'goldfish',
    title:
      'every photograph a goldfish by targeted L2 PGD, and robust classifiers at a small and a large radius',
    covers: ['A1', 'A2', 'A6'],
    source: 'Engstrom et al. 2019, the robustness library and its tutorials',
    data: [],
    seconds: { full: 90, fast: 15 },
    load: async () => (await import('./goldfish.ts')).goldfish,
  },
  {
    name: 'cat-airplane',
    title: 'a linear classifier of cats and airplanes: its answers and its weights',
    covers: ['A3'],
    source: 'Ilyas et al. 2019, as practitioners repeat it on two classes of CIFAR-10',
    data: ['cifar10'],
    seconds: { full: 90, fast: 10 },
    load: async () => (await import('./cat-airplane.ts')).catAirplane,
  },
  {
    name: 'training-by-hand',
    title:
      'adversarial training of a linear classifier, and how much further off its mistakes are, in closed form',
    covers: ['A9'],
    source: 'Goodfellow, Shlens, Szegedy 2015, section 5; Madry et al. 2018',
    data: ['cifar10'],
    seconds: { full: 120, fast: 15 },
    load: async () => (await import('./training-by-hand.ts')).trainingByHand,
  },
  {
    name: 'noise-grid',
    title: 'what pure Gaussian noise is called, and how surely, over a grid of means and deviations',
    covers: ['B3'],
    source: 'Langr & Bok 2019, GANs in Action, chapter 10',
    data: [],
    seconds: { full: 240, fast: 3 },
    load: async () => (await import('./noise-grid.ts')).noiseGrid,
  },
  {
    name: 'fooling-noise',
    title: 'noise that PGD makes a confident member of any class',
    covers: ['B4'],
    source: 'Langr & Bok 2019, GANs in Action, chapter 10; Nguyen, Yosinski, Clune 2015',
    data: [],
    seconds: { full: 600, fast: 5 },
    load: async () => (await import('./fooling-noise.ts')).foolingNoise,
  },
  {
    name: 'gmvae',
    title: 'a Gaussian-mixture VAE that rejects and reclassifies, and attacks that know its thresholds',
    covers: ['C1', 'C2', 'C3', 'C4', 'C5', 'C6', 'C7'],
    source:
      'Ghosh, Losalka, Black 2019: Resisting adversarial attacks using Gaussian mixture variational autoencoders',
    data: ['mnist'],
    seconds: { full: 1800, fast: 25 },
    load: async () => (await import('./gmvae.ts')).gmvaeRecipe,
  },
  {
    name: 'vat',
    title: 'what digits without a label add to a hundred labelled ones: virtual adversarial training',
    covers: ['B8'],
    source: 'Miyato, Maeda, Koyama, Ishii 2018',
    data: ['mnist'],
    seconds: { full: 1200, fast: 25 },
    load: async () => (await import('./vat.ts')).vatRecipe,
  },
  {
    name: 'obfuscated-zoo',
    title: 'broken defences: what each claims, and what an attack made for it leaves of that',
    covers: ['D5'],
    source: 'Carlini & Wagner 2017; Athalye, Carlini, Wagner 2018; Tramèr, Carlini, Brendel, Mądry 2020',
    data: ['mnist'],
    seconds: { full: 600, fast: 40 },
    load: async () => (await import('./obfuscated-zoo.ts')).obfuscatedZoo,
  },
  {
    name: 'manifold-defence',
    title:
      'digits projected onto a generator’s range before they are classified, and attacks within that range',
    covers: ['B7'],
    source: 'Samangouei, Kabkab, Chellappa 2018; Jalal, Ilyas, Daskalakis, Dimakis 2017',
    data: ['mnist'],
    seconds: { full: 300, fast: 25 },
    load: async () => (await import('./manifold-defence.ts')).manifoldDefence,
  },
  {
    name: 'training-methods',
    title: 'adversarial training by every method: what each costs, and what is left of it under attack',
    covers: ['D4'],
    source: 'Madry et al. 2018; Wong, Rice, Kolter 2020; Shafahi et al. 2019; Zhang et al. 2019 (TRADES)',
    data: ['mnist'],
    seconds: { full: 7200, fast: 40 },
    load: async () => (await import('./training-methods.ts')).trainingMethodsRecipe,
  },
]

/** Experiments in the order of the list, by name. */
export const findRecipe = (name: string): RecipeCard | undefined => recipes.find((r) => r.name === name)
