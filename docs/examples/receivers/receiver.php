<?php
// A webhook receiver: WEBHOOK_SECRET=whsec_… php -S 127.0.0.1:9000 receiver.php

function is_genuine(string $body): bool
{
    $id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
    $sent = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    if (!ctype_digit($sent) || abs(time() - (int) $sent) > 300) {
        return false; // an old request that is sent again
    }
    $key = base64_decode(preg_replace('/^whsec_/', '', getenv('WEBHOOK_SECRET')), true);
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$sent.$body", $key, true));
    foreach (explode(' ', $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '') as $given) { // two while a secret is rotated
        if (hash_equals($expected, $given)) {
            return true;
        }
    }
    return false;
}

$body = file_get_contents('php://input');
if (!is_genuine($body)) {
    http_response_code(401);
    return;
}
// Look up webhook-id in your database first: an event that you have is answered 204 and not handled again.
$event = json_decode($body, true);
error_log('received ' . $event['event'] . ' ' . ($event['record_id'] ?? ''));
http_response_code(204);
