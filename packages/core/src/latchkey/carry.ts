/** `Target` with members of `Instance` on it. */
export type Carrying<Target, Instance, Name extends keyof Instance> = Target & Pick<Instance, Name>

/**
 * Puts the named members of an instance onto a function: methods bound, everything else as it is. What a framework
 * calls and what the app calls is then one object.
 */
export function carry<
  Target extends (...args: never[]) => unknown,
  Instance extends object,
  Name extends keyof Instance,
>(target: Target, instance: Instance, names: readonly Name[]): Carrying<Target, Instance, Name> {
  for (const name of names) {
    const member = instance[name]
    const value: unknown = typeof member === 'function' ? member.bind(instance) : member
    Object.defineProperty(target, name, { value, enumerable: true })
  }
  // Exactly the named members were defined above.
  return target as Carrying<Target, Instance, Name>
}
