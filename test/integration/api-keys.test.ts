import { randomBytes } from 'node:crypto'
import { bitfount, exbo, latchkey, type ProviderPreset } from '@latchkey/express'
import { startBitfount, startExbo } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'

function application(preset: ProviderPreset) {
  const auth = latchkey({
    baseUrl: 'http://127.0.0.1:3000',
    secret: randomBytes(32).toString('base64url'),
    providers: [preset],
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  })
  onTestFinished(() => auth.close())
  return auth.application(preset.id as never) // the ids are another program's here
}

describe('EXBO by id and secret in headers', () => {
  it('mints nothing, and sends them to the API alone', async () => {
    const emulator = await startExbo()
    onTestFinished(() => emulator.close())
    const { fetch } = application(exbo({ ...emulator.presetOverrides, application: 'client_headers' }))
    expect((await fetch(`${emulator.apiOrigin}/regions`)).status).toBe(200)
    const [request] = emulator.api.requests
    expect(request?.headers).toMatchObject({
      'client-id': emulator.clientId,
      'client-secret': emulator.clientSecret,
    })
    expect(request?.headers.authorization).toBeUndefined()
    expect(emulator.as.calls.token).toBe(0)
    await expect(fetch('http://127.0.0.1:9/')).rejects.toMatchObject({ code: 'origin_not_allowed' })
  })
})

describe('Bitfount by an API key', () => {
  it('asks for no token, sends the key to the Hub alone, and lets nobody set its headers', async () => {
    const emulator = await startBitfount()
    onTestFinished(() => emulator.close())
    const { apiKey = { id: '', key: '' }, apiOrigin, presetOverrides } = emulator
    const access = application(bitfount({ ...presetOverrides, apiKey }))
    expect((await access.fetch(`${apiOrigin}/api`)).status).toBe(200)
    expect((await access.request(`${apiOrigin}/api`)).statusCode).toBe(200)
    const [request] = emulator.api.requests
    expect(request?.headers).toMatchObject({ 'x-api-key-id': apiKey.id, 'x-api-key': apiKey.key })
    expect(request?.headers.authorization).toBeUndefined()
    await expect(access.accessToken()).rejects.toMatchObject({ code: 'not_supported', reason: 'api_key' })
    await expect(access.fetch(apiOrigin, { headers: { 'x-api-key': 'another' } })).rejects.toThrow(TypeError)
    await expect(access.fetch(emulator.foreign.origin)).rejects.toMatchObject({ code: 'origin_not_allowed' })
    expect([emulator.as.calls.token, emulator.foreign.connections]).toEqual([0, 0])
  })
})
