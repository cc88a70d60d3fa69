import { LatchkeyError, OAuthClient, oidc } from '@latchkey/core'

const issuer = process.env.CORP_ISSUER ?? 'https://login.corp.example'
const client = new OAuthClient(oidc({ id: 'corp', issuer })) // CORP_CLIENT_ID, CORP_CLIENT_SECRET
const device = await client.deviceAuthorization()
console.log(`Open ${device.verificationUri} and enter ${device.userCode}`)
console.log('Enter it only if you started this sign-in yourself.')

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
try {
  const { tokens } = await device.tokens({ signal: stop.signal })
  console.log(`Hello ${(await client.userinfo(tokens)).name}.`)
} catch (error) {
  if (!LatchkeyError.is(error)) throw error
  console.error(error.code === 'access_denied' ? 'Then not.' : error.message)
  process.exitCode = 1
}
