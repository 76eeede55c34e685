//! What the simulated world is like. Every number can be set on the command line; the defaults are
//! assumptions, and where a document gives them it is named.

use clap::Args;
use fleet_core::scaling::Millis;

#[derive(Debug, Clone, PartialEq, Args)]
pub struct Model {
    /// Same seed, same run.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Tasks that one machine works on at once.
    #[arg(long, default_value_t = 2)]
    pub slots: u32,
    /// Availability Zones.
    #[arg(long, default_value_t = 3)]
    pub zones: u32,
    /// Share of machines that are Spot.
    #[arg(long, default_value_t = 0.8)]
    pub spot_share: f64,
    /// Spot interruptions per machine and hour; 0.05 is far above what AWS shows for most types.
    #[arg(long, default_value_t = 0.05)]
    pub interruptions: f64,
    /// Seconds from an interruption's notice to the end.
    #[arg(long, default_value_t = 120.0)]
    pub notice: f64,
    /// Seconds from launch to the first poll: median.
    #[arg(long, default_value_t = 40.0)]
    pub boot: f64,
    /// Spread of the boot time (sigma of its logarithm).
    #[arg(long, default_value_t = 0.25)]
    pub boot_spread: f64,
    /// Seconds from launch to InService in the eyes of Auto Scaling.
    #[arg(long, default_value_t = 12.0)]
    pub pending: f64,
    /// Machines that EC2 starts a second.
    #[arg(long, default_value_t = 50.0)]
    pub launch_rate: f64,
    /// Seconds that a terminated machine takes to be gone (and is still paid for).
    #[arg(long, default_value_t = 15.0)]
    pub termination: f64,
    /// Seconds until Auto Scaling asks again while it wants fewer machines.
    #[arg(long, default_value_t = 15.0)]
    pub ask_again: f64,
    /// Seconds of one long poll.
    #[arg(long, default_value_t = 20.0)]
    pub poll: f64,
    /// Visibility timeout in seconds; the heartbeat is three times as frequent.
    #[arg(long, default_value_t = 60.0)]
    pub lease: f64,
    /// Seconds from publishing a custom metric until alarms see it.
    #[arg(long, default_value_t = 2.0)]
    pub metric_delay: f64,
    /// The same for the queue's own metrics, which come once a minute.
    #[arg(long, default_value_t = 60.0)]
    pub queue_metric_delay: f64,
    /// Seconds to plan a video.
    #[arg(long, default_value_t = 1.5)]
    pub plan: f64,
    /// Seconds to finalize a video.
    #[arg(long, default_value_t = 1.0)]
    pub finalize: f64,
    /// Dollars an hour. 0.0816 is m7g.large (2 vCPU), Linux, us-east-1, as quoted in
    /// "Amazon EC2 On-Demand Pricing: Instance Families", FactualMinds, 17 June 2026.
    #[arg(long, default_value_t = 0.0816)]
    pub on_demand_price: f64,
    /// Dollars an hour. 0.53 of on-demand, the ratio of c5.2xlarge in the Amazon EC2 Auto Scaling
    /// User Guide, page "Spot price per unit hour example" (read November 2026).
    #[arg(long, default_value_t = 0.0432)]
    pub spot_price: f64,
}

impl Default for Model {
    fn default() -> Self {
        #[derive(clap::Parser)]
        struct Just {
            #[command(flatten)]
            model: Model,
        }
        <Just as clap::Parser>::parse_from(["model"]).model
    }
}

impl Model {
    pub fn check(&self) -> Result<(), String> {
        let positive = [
            ("slots", f64::from(self.slots)),
            ("zones", f64::from(self.zones)),
            ("boot", self.boot),
            ("launch-rate", self.launch_rate),
            ("ask-again", self.ask_again),
            ("poll", self.poll),
            ("lease", self.lease),
        ];
        let not_negative = [
            ("interruptions", self.interruptions),
            ("notice", self.notice),
            ("boot-spread", self.boot_spread),
            ("pending", self.pending),
            ("termination", self.termination),
            ("metric-delay", self.metric_delay),
            ("queue-metric-delay", self.queue_metric_delay),
            ("plan", self.plan),
            ("finalize", self.finalize),
            ("on-demand-price", self.on_demand_price),
            ("spot-price", self.spot_price),
        ];
        if let Some((name, value)) = positive.iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return Err(format!("--{name} is {value}; it must be more than 0"));
        }
        if let Some((name, value)) = not_negative
            .iter()
            .find(|(_, v)| !(v.is_finite() && *v >= 0.0))
        {
            return Err(format!("--{name} is {value}; it must be 0 or more"));
        }
        if self.zones > 100 {
            return Err(format!("--zones is {}; at most 100", self.zones));
        }
        if !(0.0..=1.0).contains(&self.spot_share) {
            return Err(format!("--spot-share is {}; use 0 to 1", self.spot_share));
        }
        Ok(())
    }
}

pub fn millis(seconds: f64) -> Millis {
    (seconds * 1_000.0).round().max(0.0) as Millis
}

pub fn seconds(millis: Millis) -> f64 {
    millis as f64 / 1_000.0
}
