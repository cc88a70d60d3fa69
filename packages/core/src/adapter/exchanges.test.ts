import { describe, expect, it } from 'vitest'
import { Exchange } from './exchange.ts'
import { Exchanges } from './exchanges.ts'

class ExchangeUnderTest extends Exchange {
  readonly native: Exchange['native'] = { method: 'GET', headers: {} }
  readonly url: string = '/'
  readonly parsedBody: unknown
  readonly isAnswered: boolean = false
  get rawRequest(): never {
    throw new Error('not there')
  }
  get rawResponse(): never {
    throw new Error('not there')
  }
  addCookie(): void {}
  expose(): void {}
  write(): void {}
}

const newExchanges = (): Exchanges<object, undefined, ExchangeUnderTest> =>
  new Exchanges(() => new ExchangeUnderTest())

describe('Exchanges', () => {
  it('keeps one for each request', () => {
    const exchanges = newExchanges()
    const [one, other] = [{}, {}]
    expect(exchanges.find(one)).toBeUndefined()
    const kept = exchanges.of(one, undefined)
    expect([exchanges.of(one, undefined), exchanges.find(one)]).toEqual([kept, kept])
    expect(exchanges.of(other, undefined)).not.toBe(kept)
  })

  it('knows the request behind an object that inherits from it', () => {
    const exchanges = newExchanges()
    const request = {}
    expect(exchanges.of(request, undefined)).toBe(exchanges.of(Object.create(request), undefined))
  })

  it('is of one instance: another has its own of the same request', () => {
    const request = {}
    expect(newExchanges().of(request, undefined)).not.toBe(newExchanges().of(request, undefined))
  })

  it('does not show on the request', () => {
    const request = {}
    newExchanges().of(request, undefined)
    expect(Reflect.ownKeys({ ...request })).toEqual([])
    expect(Object.keys(request)).toEqual([])
  })

  it('takes the room that was made for it', () => {
    const exchanges = newExchanges()
    const request = { [exchanges.key]: null }
    expect(exchanges.find(request)).toBeUndefined()
    expect(exchanges.of(request, undefined)).toBe(Reflect.get(request, exchanges.key))
  })
})
