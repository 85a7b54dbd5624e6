/** All recipes; one line each, and a file beside this one. */
import type { RecipeCard } from './recipe.ts'

export const recipes: readonly RecipeCard[] = [
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
