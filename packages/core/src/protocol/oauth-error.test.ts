import { describe, expect, it } from 'vitest'
import { oauthErrorFields } from './oauth-error.ts'

const token = 'BQDx7-Zk_3aPq0vTn5LrWm1cY8uEoGhJ'
const basic = Buffer.from(`client:${token}`).toString('base64')

describe('oauthErrorFields', () => {
  it.each([
    ['a known secret, however short', 'bad s3cret', 'bad ***'],
    ['a token that we never saw', `bad ${token}.`, 'bad ***.'],
    ['the beginning of one', `bad ${token.slice(0, 24)}…`, 'bad ***…'],
    ['the Authorization header', `got Basic ${basic}`, 'got Basic ***'],
    ['an encoded query', encodeURIComponent(`code=${token}&state=${token}`), '***'],
  ])('blanks %s', (_title, description, expected) => {
    expect(oauthErrorFields('e', description, ['s3cret'])).toEqual({ error: 'e', description: expected })
  })

  it.each([
    'The redirect_uri is not registered, see https://docs.example.com/oauth2/errors',
    'AADSTS70008: expired. Trace ID: 6a8f1d3f-0c1e-4b52-9c0e-3a1d9e5b7f10 Timestamp: 2026-01-31 10:00:00Z',
    'unsupported_response_type_for_this_client',
  ])('keeps what an operator needs: %s', (description) => {
    expect(oauthErrorFields('invalid_request', description).description).toBe(description)
  })

  it('treats the error itself alike', () => {
    expect(oauthErrorFields(token, undefined)).toEqual({ error: '***' })
  })
})
