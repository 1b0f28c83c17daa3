// One process of the AWS SDK for JavaScript: its token provider, on the files that AWS's tools share.
//
// It says when it is ready, and waits for its standard input to close, so that all begin together.

import { fromSso } from '@aws-sdk/token-providers';

const provider = fromSso({ profile: 'work' });
console.log('ready');
for await (const _ of process.stdin);
const { token } = await provider();
console.log(token);
