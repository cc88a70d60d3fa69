import type { Exchange } from './exchange.ts'

/**
 * Keeps the {@link Exchange} of each request on the request, in a hidden property. WeakMaps and WeakSets in its place,
 * one per fact, took a third of the CPU time of a request, most of it in garbage collection. Every instance has its own
 * key, so that several can share an app.
 */
export class Exchanges<Native extends object, Answer, Kept extends Exchange> {
  /** Of the property. A framework that makes its requests of one shape makes room for it beforehand, with `null`. */
  readonly key: symbol = Symbol('latchkey')
  readonly #make: (request: Native, answer: Answer) => Kept

  constructor(make: (request: Native, answer: Answer) => Kept) {
    this.#make = make
  }

  of(request: Native, answer: Answer): Kept {
    const known = this.find(request)
    if (known !== undefined) return known
    const made = this.#make(request, answer)
    if (this.key in request) this.#carrier(request)[this.key] = made
    else Object.defineProperty(request, this.key, { value: made })
    return made
  }

  /** That of a request, or of the one that an object inherits from. */
  find(request: Native): Kept | undefined {
    return this.#carrier(request)[this.key] ?? undefined
  }

  #carrier(request: Native): Record<symbol, Kept | null | undefined> {
    return request as Record<symbol, Kept | null | undefined> // the key is known here alone
  }
}
