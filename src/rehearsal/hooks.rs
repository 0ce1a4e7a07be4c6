//! Sends webhooks: signed as GitHub signs them, in order unless a test wants otherwise.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac};
use tokio::task::JoinSet;

use super::faults::splitmix;
use super::hub::Hub;
use super::world::{Attempt, Delivery, World};

/// How long GitHub waits for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How much of an answer is kept.
const KEPT_ANSWER: usize = 4_096;

/// What becomes of a delivery on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// Sent when its turn comes.
    Deliver,
    /// Never sent; it stays in the log without an attempt.
    Drop,
    /// Sent twice with the same GUID.
    Duplicate,
    /// Sent after this time, while others overtake it.
    Delay(Duration),
}

/// The decision of a test about each delivery.
type Decide = Box<dyn FnMut(&Delivery) -> Passage + Send>;

/// What the delivery task is told.
#[derive(Default)]
pub(super) struct Traffic {
    held: bool,
    at_once: bool,
    decide: Option<Decide>,
}

impl Hub {
    /// Keeps deliveries back from now on; events still happen.
    pub fn hold_deliveries(&self) {
        self.traffic().held = true;
    }

    /// Lets go of what was kept back, one after another.
    pub fn release_deliveries(&self) {
        let mut traffic = self.traffic();
        (traffic.held, traffic.at_once) = (false, false);
        drop(traffic);
        self.tell();
    }

    /// Lets go of what was kept back, and of all that follows, without waiting for answers.
    pub fn release_deliveries_at_once(&self) {
        let mut traffic = self.traffic();
        (traffic.held, traffic.at_once) = (false, true);
        drop(traffic);
        self.tell();
    }

    /// Puts waiting deliveries into another order, the same for the same seed.
    pub fn shuffle_waiting(&self, seed: u64) {
        self.act(|world| {
            let mut state = seed;
            let waiting = world.outbox.make_contiguous();
            for last in (1..waiting.len()).rev() {
                let other = usize::try_from(splitmix(&mut state) >> 33).unwrap_or(0) % (last + 1);
                waiting.swap(last, other);
            }
        });
    }

    /// Decides about each delivery from now on, at the moment of its turn.
    ///
    /// The decision may read the world, but not steer deliveries, whose lock is held meanwhile.
    pub fn on_delivery(&self, decide: impl FnMut(&Delivery) -> Passage + Send + 'static) {
        self.traffic().decide = Some(Box::new(decide));
    }

    /// Lets deliveries pass as they are again.
    pub fn deliver_normally(&self) {
        let mut traffic = self.traffic();
        *traffic = Traffic::default();
        drop(traffic);
        self.tell();
    }

    /// Sends a delivery again, with the same GUID, as the button in the App's settings does.
    pub fn redeliver(&self, guid: &str) {
        self.act(|world| {
            if let Some(id) = world.deliveries.iter().find(|d| d.guid == guid).map(|d| d.id) {
                world.outbox.push_back(id);
            }
        });
    }
}

/// Sends what is due until the stand-in stops.
pub(super) async fn run(hub: Hub, client: reqwest::Client) {
    let client = Arc::new(client);
    let mut flying = JoinSet::new();
    let mut changes = hub.changes();
    loop {
        changes.borrow_and_update();
        if hub.stopping().is_cancelled() {
            return;
        }
        while flying.try_join_next().is_some() {}
        let Some((delivery, passage, at_once)) = next(&hub) else {
            tokio::select! {
                () = hub.stopping().cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
            continue;
        };
        let copies = match passage {
            Passage::Drop => {
                hub.act(|world| {
                    world.in_flight -= 1;
                    if let Some(found) = world.deliveries.iter_mut().find(|d| d.id == delivery.id) {
                        found.dropped = true;
                    }
                });
                continue;
            }
            Passage::Duplicate => 2,
            Passage::Deliver | Passage::Delay(_) => 1,
        };
        let flight = fly(hub.clone(), Arc::clone(&client), delivery, copies, passage);
        if at_once || matches!(passage, Passage::Delay(_)) {
            flying.spawn(flight);
        } else {
            tokio::select! {
                () = hub.stopping().cancelled() => return,
                () = flight => {}
            }
        }
    }
}

/// Takes the next delivery, which counts as on its way from here on.
fn next(hub: &Hub) -> Option<(Delivery, Passage, bool)> {
    let mut traffic = hub.traffic();
    if traffic.held {
        return None;
    }
    let at_once = traffic.at_once;
    let delivery = hub.act_quietly(|world| {
        let id = world.outbox.pop_front()?;
        world.in_flight += 1;
        world.deliveries.iter().find(|d| d.id == id).cloned()
    })?;
    let passage = traffic
        .decide
        .as_mut()
        .map_or(Passage::Deliver, |decide| decide(&delivery));
    Some((delivery, passage, at_once))
}

async fn fly(hub: Hub, client: Arc<reqwest::Client>, delivery: Delivery, copies: usize, passage: Passage) {
    if let Passage::Delay(time) = passage {
        tokio::time::sleep(time).await;
    }
    for _ in 0..copies {
        send(&hub, &client, &delivery).await;
    }
    hub.act(|world| world.in_flight -= 1);
}

async fn send(hub: &Hub, client: &reqwest::Client, delivery: &Delivery) {
    let target = hub.read(|world| {
        let app = world.apps.get(&delivery.app_id)?;
        Some((app.webhook.clone()?, app.hook_id))
    });
    let Some((webhook, hook_id)) = target else { return };
    let started = tokio::time::Instant::now();
    let request = client
        .post(&webhook.url)
        .timeout(ANSWER)
        .header("user-agent", "GitHub-Hookshot/f00d1e5")
        .header("accept", "*/*")
        .header("content-type", "application/json")
        .header("x-github-event", &delivery.event)
        .header("x-github-delivery", &delivery.guid)
        .header("x-github-hook-id", hook_id)
        .header("x-github-hook-installation-target-id", delivery.app_id)
        .header("x-github-hook-installation-target-type", "integration")
        .header(
            "x-hub-signature",
            format!(
                "sha1={}",
                sign::<Hmac<sha1::Sha1>>(&webhook.secret, &delivery.body)
            ),
        )
        .header(
            "x-hub-signature-256",
            format!(
                "sha256={}",
                sign::<Hmac<sha2::Sha256>>(&webhook.secret, &delivery.body)
            ),
        )
        .body(delivery.body.clone());
    let (status, response) = match request.send().await {
        Ok(answer) => {
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap_or_default();
            (Some(status), text.chars().take(KEPT_ANSWER).collect())
        }
        Err(error) if error.is_timeout() => (None, "timed out".to_owned()),
        Err(error) => (None, format!("failed to connect: {}", error.without_url())),
    };
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    hub.act(|world| note(world, delivery.id, status, response, millis));
}

fn note(world: &mut World, delivery: u64, status: Option<u16>, response: String, millis: u64) {
    let (fresh, at) = (world.fresh_id(), world.now());
    let Some(found) = world.deliveries.iter_mut().find(|d| d.id == delivery) else {
        return;
    };
    let redelivery = !found.attempts.is_empty();
    let id = if redelivery { fresh } else { found.id };
    found.attempts.push(Attempt {
        id,
        at,
        status,
        response,
        millis,
        redelivery,
    });
}

/// The HMAC of a body as lower-case hexadecimal digits.
pub(super) fn sign<M: Mac + hmac::digest::KeyInit>(secret: &str, body: &[u8]) -> String {
    let mut mac = <M as Mac>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
