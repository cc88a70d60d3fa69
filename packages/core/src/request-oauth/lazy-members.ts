/** How each member of an object is made when it is first looked at. */
type Makers<Self, Name extends keyof Self> = { readonly [Each in Name]: (self: Self) => Self[Each] }

/**
 * Gives a class members that are made for an object when one first looks at them, and stay its own from then on as if
 * the constructor had made them. For functions that must work detached: each request has an object with many of them,
 * and most routes use one or none.
 */
export function lazyMembers<Self extends object, Name extends keyof Self & string>(
  prototype: Self,
  makers: Makers<Self, Name>,
): void {
  for (const name of Object.keys(makers) as Name[]) {
    const keep = (self: Self, value: unknown): void => {
      Object.defineProperty(self, name, { value, writable: true, enumerable: true, configurable: true })
    }
    Object.defineProperty(prototype, name, {
      configurable: true,
      enumerable: true,
      get(this: Self): unknown {
        const made = makers[name](this)
        keep(this, made)
        return made
      },
      // Tests of apps put a function of their own in a member's place.
      set(this: Self, value: unknown) {
        keep(this, value)
      },
    })
  }
}
