import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { checkLoginRequirement } from './login-requirement.ts'

const ids = ['spotify', 'exbo']
const invalid = (message: RegExp) =>
  expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) })

describe('checkLoginRequirement', () => {
  it.each([{}, { provider: 'exbo' }, { scope: ['a'] }, { provider: undefined, scope: undefined }])(
    'takes %j',
    (requirement) => {
      expect(checkLoginRequirement(requirement, ids)).toBeUndefined()
    },
  )

  it.each([
    ['exbo', /takes an object, like requireLogin\(\{ provider: 'spotify' \}\), not a string/],
    [null, /not null/],
    [['exbo'], /not a list/],
    [() => {}, /not a function/],
    [
      { provider: 'spotfy' },
      /^The option providers knows no "spotfy"\. Did you mean "spotify"\? It knows spotify, exbo\.$/,
    ],
    [{ provider: 'toString' }, /knows no "toString"/],
    [{ provider: ['spotify'] }, /^The option provider of requireLogin\(\).*not a list/],
    [{ providers: ['spotify'] }, /^requireLogin\(\) knows no "providers"\. Did you mean "provider"\?/],
    [{ scopes: ['a'] }, /knows no "scopes"\. Did you mean "scope"\?/],
    [{ scope: 'user-top-read' }, /^The option scope of requireLogin\(\).*not a string/],
  ])('refuses %j', (requirement, message) => {
    expect(() => checkLoginRequirement(requirement, ids)).toThrow(invalid(message))
  })

  it.each([
    ['Node', new IncomingMessage(new Socket())],
    ['a framework', { raw: {}, headers: {}, method: 'GET', url: '/' }],
  ])('says that requireLogin was not called when it gets a request of %s', (_whose, request) => {
    expect(() => checkLoginRequirement(request, ids)).toThrow(invalid(/without calling it.*requireLogin\(\)/))
  })

  it('takes any provider when more are found when asked for', () => {
    expect(checkLoginRequirement({ provider: 'tenant-1' }, undefined)).toBeUndefined()
    expect(() => checkLoginRequirement({ provider: 7 }, undefined)).toThrow(invalid(/a number/))
  })
})
